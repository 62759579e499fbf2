import {Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {applyPlan} from '../edge/change/applying.js';
import {answers, changeFlags} from '../edge/change/flags.js';
import {unlockFirst} from '../edge/change/force-unlock.js';
import {planDocument, readPlan} from '../edge/change/plan-document.js';
import {prepareApply} from '../edge/change/preparing.js';
import {evidenceFlags, openEvidence} from '../edge/evidence.js';
import {ExitCode} from '../exit-code.js';
import {Failure} from '../failure.js';

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
    output: outputFlag(),
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
    const notice = (message: string): void => this.notice(message);
    const signal = this.interrupted.signal;
    const {ttl, 'accept-irreversible': accepted = []} = flags;
    const yes = answers(this.argv, flags);
    const evidence = await openEvidence(flags, {signal, quiet: this.quiet, notice});
    if (flags['force-unlock']) await unlockFirst(evidence.reach, {yes: yes.unlock, signal, notice});
    const plan = flags.plan === undefined ? undefined : await readPlan(flags.plan);
    const prepared = await prepareApply(evidence, {backend: flags.backend, nodes: flags.node, prune: flags.prune, plan});
    signal.throwIfAborted();
    if (prepared.kind === 'refused') throw new Failure(prepared.because[0]!, {hints: prepared.because.slice(1), exit: ExitCode.findings});
    if (flags['dry-run']) return this.emit('ChangePlan', planDocument(prepared.plan), flags.output);
    const {reach} = evidence;
    if (!reach)
      throw new Failure('a snapshot cannot be changed: name live nodes', {hints: ['--inventory FILE', '--lab NAME', '--dry-run']});
    const report = await applyPlan(prepared, {reach, yes: yes.change, ttl, accepted, quiet: this.quiet, signal, notice});
    await this.emit('ChangeReport', report, flags.output);
    process.exitCode = report.exit as ExitCode;
  }
}
