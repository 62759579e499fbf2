import {Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {apply} from '../edge/change/applying.js';
import {changeOptions} from '../edge/change/change-options.js';
import {changeFlags} from '../edge/change/flags.js';
import {readPlan} from '../edge/change/plan-document.js';
import {evidenceFlags, openEvidence} from '../edge/evidence.js';

export default class Apply extends BaseCommand {
  static override summary = "make the kernel's tables what the model says: repair drift, or provision a backend where no flanneld runs";
  static override examples = [
    {description: 'What would be done, and what takes it back', command: '<%= config.bin %> apply --lab demo --dry-run'},
    {description: 'Exactly the plan that was reviewed', command: '<%= config.bin %> apply --inventory nodes.yaml --plan plan.json'},
    {
      description: 'Nodes without flanneld',
      command: '<%= config.bin %> apply --inventory nodes.yaml --backend vxlan --net-conf net-conf.json',
    },
  ];
  static override flags = withEnv({
    ...evidenceFlags,
    ...changeFlags,
    output: outputFlag(['html']),
    backend: Flags.option({summary: 'provision this backend where no flanneld runs', options: ['vxlan', 'host-gw'] as const})(),
    node: Flags.string({summary: 'change only this node', helpValue: 'NAME', multiple: true, delimiter: ','}),
    prune: Flags.boolean({summary: 'also take away what flannel wrote and nobody asks for any more'}),
    plan: Flags.string({
      summary: 'run a saved plan, if the nodes are still as it saw them',
      helpValue: 'FILE',
      exclusive: ['backend', 'node', 'prune'],
    }),
  });

  async run(): Promise<void> {
    const {flags} = await this.parse(Apply);
    const evidence = await openEvidence(flags, this.operator);
    const plan = flags.plan === undefined ? undefined : await readPlan(flags.plan);
    const wish = {backend: flags.backend, nodes: flags.node, prune: flags.prune, plan};
    const done = await apply(evidence, wish, {dryRun: flags['dry-run'], ...changeOptions(flags, this.operator)});
    if (done.kind === 'ChangePlan') return this.emit('ChangePlan', done.plan, flags.output);
    await this.emit('ChangeReport', done.report, flags.output);
    process.exitCode = done.report.exit;
  }
}
