import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {changeOptions} from '../edge/change/change-options.js';
import {changeFlags, migrateFlags} from '../edge/change/flags.js';
import {migrate} from '../edge/change/migrate.js';
import {resumeChange} from '../edge/change/resume-change.js';
import {evidenceFlags, openEvidence} from '../edge/evidence.js';
import {Failure} from '../failure.js';

export default class Migrate extends BaseCommand {
  static override summary = 'switch the backend of a live cluster without losing a packet between pods';
  static override description =
    'Proves that every pair of nodes keeps a path in every state on the way, asks the network whether the target can work, then builds the new path everywhere, moves the routes wave by wave behind gates, and cleans up. See docs/migrate.md.';
  static override examples = [
    {
      description: 'What would be done, with every command and its inverse',
      command: '<%= config.bin %> migrate --to host-gw --lab demo --dry-run',
    },
    {description: 'Do it', command: '<%= config.bin %> migrate --to host-gw --lab demo --yes'},
    {
      description: 'Plain routes between nodes on one segment, five nodes at a time',
      command: '<%= config.bin %> migrate --to vxlan --direct-routing --batch 5 --inventory nodes.yaml',
    },
  ];
  static override flags = withEnv({
    ...evidenceFlags,
    ...changeFlags,
    output: outputFlag(['html']),
    ...migrateFlags,
  });

  async run(): Promise<void> {
    const {flags} = await this.parse(Migrate);
    const evidence = await openEvidence({...flags, pods: 'all', pod: undefined}, this.operator);
    if (flags.resume) {
      const report = await resumeChange(evidence, this.operator);
      await this.emit('ChangeReport', report, flags.output);
      process.exitCode = report.exit;
      return;
    }
    if (flags.to === undefined) throw new Failure('name the backend to go to: --to vxlan or --to host-gw');
    const wish = {type: flags.to, directRouting: flags['direct-routing'], vni: flags.vni, port: flags['vxlan-port']};
    const done = await migrate(evidence, wish, {
      canary: flags.canary,
      batch: flags.batch,
      last: flags.last,
      podMtu: flags['pod-mtu'],
      dryRun: flags['dry-run'],
      controller: flags.controller,
      preFlipped: flags['pre-flipped'],
      ...changeOptions(flags, this.operator),
    });
    if (done.kind === 'ChangePlan') return this.emit('ChangePlan', done.plan, flags.output);
    await this.emit('ChangeReport', done.report, flags.output);
    process.exitCode = done.report.exit;
  }
}
