import {BaseCommand, outputFlag, withEnv} from '../../base-command.js';
import {survey} from '../../edge/diagnose.js';
import {evidenceFlags, openEvidence} from '../../edge/evidence.js';
import {clusterSummary} from '../../edge/reporters/cluster-summary.js';
import {ExitCode} from '../../exit-code.js';

export default class ShowNodes extends BaseCommand {
  static override summary = 'the nodes: subnet, address, mode, uplink, as the model knows them';
  static override examples = [{description: 'A lab', command: '<%= config.bin %> show nodes --lab demo'}];
  static override flags = withEnv({...evidenceFlags, output: outputFlag()});

  async run(): Promise<void> {
    const {flags} = await this.parse(ShowNodes);
    const evidence = await openEvidence(flags, {signal: this.interrupted.signal, quiet: this.quiet, notice: (m) => this.notice(m)});
    const {cluster, pods} = await survey(evidence, evidence.given);
    this.interrupted.signal.throwIfAborted();
    const {nodes} = clusterSummary(cluster, evidence.from, pods);
    const dual = nodes.some((n) => n.ipv6Subnet !== null || n.publicIPv6 !== null);
    const columns = [
      'name',
      'state',
      'mode',
      'subnet',
      ...(dual ? ['ipv6Subnet'] : []),
      'publicIP',
      ...(dual ? ['publicIPv6'] : []),
      'vtepMAC',
      'uplink',
      'mtu',
      'pods',
      'kernel',
      'via',
    ];
    const gaps = cluster.members.flatMap((m) =>
      m.survey.state.failure ? [{node: m.name, what: 'node', why: m.survey.state.failure.message}] : [],
    );
    await this.emit('ShowReport', {table: 'node', columns, rows: nodes.map((n) => ({...n})), gaps}, flags.output);
    process.exitCode = gaps.length > 0 ? ExitCode.incomplete : ExitCode.ok;
  }
}
