import {Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {atLeast} from '../core/rules/fold.js';
import {rules} from '../core/rules/index.js';
import {diagnose} from '../edge/diagnose.js';
import {checkNodes, evidenceFlags, openEvidence} from '../edge/evidence.js';
import {clusterSummary} from '../edge/reporters/cluster-summary.js';
import {ExitCode} from '../exit-code.js';
import {Failure} from '../failure.js';

export default class Doctor extends BaseCommand {
  static override summary = 'examine the pod network: what is wrong, why, what it does to traffic, and how to mend it';
  static override description =
    'Reads the kernel tables of every node, computes what they should be, and explains each difference. Changes nothing.';
  static override examples = [
    {description: 'A lab on this machine', command: '<%= config.bin %> doctor --lab demo'},
    {description: 'Your nodes over SSH', command: '<%= config.bin %> doctor --inventory nodes.yaml'},
    {description: 'Evidence taken earlier, for a machine', command: '<%= config.bin %> doctor --snapshot cluster.ndjson.br --output json'},
  ];
  static override flags = withEnv({
    ...evidenceFlags,
    output: outputFlag(),
    rule: Flags.string({summary: 'judge only this rule (may be given more than once)', helpValue: 'ID', multiple: true, delimiter: ','}),
    node: Flags.string({summary: 'report only findings on this node', helpValue: 'NAME', multiple: true, delimiter: ','}),
    'fail-on': Flags.option({
      summary: 'the least severity that makes the exit code 1',
      options: ['error', 'warning'] as const,
      default: 'error',
    })(),
  });

  async run(): Promise<void> {
    const {flags} = await this.parse(Doctor);
    const unknown = flags.rule?.find((id) => !rules.some((rule) => rule.id === id));
    if (unknown !== undefined) throw new Failure(`--rule: no such rule: ${unknown}`, {hints: ['flanctl explain lists all rules']});
    const chosen = rules.filter(
      (rule) =>
        (flags.rule === undefined || flags.rule.includes(rule.id)) &&
        (flags.pods === 'all' || rule.scope === 'cluster' || !rule.needs.includes('pods')),
    );
    const {signal} = this.interrupted;
    const records = {pods: flags.pods === 'all' ? 'most' : 'flannel'} as const;
    const evidence = await openEvidence(flags, {signal, quiet: this.quiet, notice: (m) => this.notice(m), records});
    const found = await diagnose(evidence, evidence.given, chosen);
    signal.throwIfAborted();
    const cluster = clusterSummary(found.cluster, evidence.from, found.pods);
    checkNodes(
      flags.node,
      cluster.nodes.map((n) => n.name),
    );
    const here = (node: string) => flags.node === undefined || flags.node.includes(node);
    const findings = found.findings.filter((f) => here(f.node) || f.peers.some(here));
    const notEvaluated = found.notEvaluated.filter((n) => here(n.node));
    const unseen = (evidence.given.records?.gaps.length ?? 0) > 0 || cluster.nodes.some((n) => n.state !== 'read' && here(n.name));
    const incomplete = notEvaluated.length > 0 || unseen || cluster.mode === null;
    const exit = findings.some((f) => atLeast(f.severity, flags['fail-on']))
      ? ExitCode.findings
      : incomplete
        ? ExitCode.incomplete
        : ExitCode.ok;
    const count = (severity: string) => findings.filter((f) => f.severity === severity).length;
    const summary = {
      errors: count('error'),
      warnings: count('warning'),
      infos: count('info'),
      rules: chosen.length,
      nodes: cluster.nodes.length,
    };
    await this.emit('DoctorReport', {cluster, findings, notEvaluated, gaps: found.gaps, summary, exit}, flags.output);
    process.exitCode = exit;
  }
}
