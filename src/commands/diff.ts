import {Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {differences, uncompared} from '../core/model/differences.js';
import type {Gap} from '../core/node/dump.js';
import {survey, views} from '../edge/diagnose.js';
import {checkNodes, evidenceFlags, openEvidence} from '../edge/evidence.js';
import {clusterSummary} from '../edge/reporters/cluster-summary.js';
import type {DiffEntry} from '../edge/reporters/documents.js';
import {ExitCode} from '../exit-code.js';

export default class Diff extends BaseCommand {
  static override summary = 'the raw difference between what each node has and what it should have';
  static override description =
    "One row a line in iproute2's own words: - missing, + unexpected, ~ changed. Only rows that flannel owns are compared.";
  static override examples = [{description: 'One node of a lab', command: '<%= config.bin %> diff --lab demo --node n1'}];
  static override flags = withEnv({
    ...evidenceFlags,
    output: outputFlag(),
    node: Flags.string({summary: 'only this node', helpValue: 'NAME', multiple: true, delimiter: ','}),
  });

  async run(): Promise<void> {
    const {flags} = await this.parse(Diff);
    const evidence = await openEvidence(flags, {signal: this.interrupted.signal, quiet: this.quiet, notice: (m) => this.notice(m)});
    const {cluster, states, pods} = await survey(evidence, evidence.given);
    this.interrupted.signal.throwIfAborted();
    checkNodes(
      flags.node,
      cluster.members.map((m) => m.name),
    );
    const entries: DiffEntry[] = [];
    const gaps: Gap[] = [];
    let incomplete = false;
    for await (const node of views(cluster, states())) {
      if (flags.node !== undefined && !flags.node.includes(node.name)) continue;
      entries.push(...differences(node));
      const unseen = uncompared(node);
      if (unseen.length > 0 || node.state.failure) incomplete = true;
      gaps.push(...node.state.gaps, ...unseen);
    }
    const exit = entries.length > 0 ? ExitCode.findings : incomplete ? ExitCode.incomplete : ExitCode.ok;
    await this.emit('DiffReport', {cluster: clusterSummary(cluster, evidence.from, pods), entries, gaps, exit}, flags.output);
    process.exitCode = exit;
  }
}
