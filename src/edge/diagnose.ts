import {buildCluster, type Cluster, type Given} from '../core/model/cluster.js';
import {readNode} from '../core/model/read-node.js';
import {Surveyor} from '../core/model/survey.js';
import {type NodeView, view} from '../core/model/view.js';
import type {Gap, NodeDump} from '../core/node/dump.js';
import type {NamespaceState, NodeState} from '../core/node/state.js';
import {examineCluster, examineNode, type NotEvaluated} from '../core/rules/examine.js';
import {compare, type Finding, fold, type Judged} from '../core/rules/fold.js';
import type {Rule} from '../core/rules/rule.js';

/**
 * Rows that are kept between the two passes, 550 to 700 bytes each; with more, none are kept and each node is read twice: reading again
 * is cheaper than what a large heap costs the collector (docs/performance.md).
 */
const KEPT_ROWS = 150_000;

/** A sequence of node dumps that can be walked more than once. */
export interface Dumps {
  nodes(): AsyncIterable<NodeDump>;
}

export interface Diagnosis {
  readonly cluster: Cluster;
  readonly pods: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
  readonly notEvaluated: readonly NotEvaluated[];
  readonly gaps: readonly Gap[];
}

/**
 * Two passes over the nodes, one at a time: the first learns who is in the cluster, the second judges each node against that.
 * Memory holds the model and the findings, not the tables.
 */
export async function survey(
  dumps: Dumps,
  given: Given,
): Promise<{cluster: Cluster; states: () => AsyncGenerator<NodeState>; pods: ReadonlyMap<string, number>}> {
  const surveyor = new Surveyor();
  let kept: NodeState[] | undefined = [];
  const pods = new Map<string, number>();
  let rows = 0;
  for await (const dump of dumps.nodes()) {
    const state = readNode(dump);
    surveyor.add(state);
    if (state.pods) pods.set(state.name, state.pods.length);
    rows += rowsOf(state) + (state.pods ?? []).reduce((n, pod) => n + rowsOf(pod), 0);
    if (rows > KEPT_ROWS) kept = undefined;
    kept?.push(state);
  }
  const cluster = buildCluster(surveyor, given);
  async function* states(): AsyncGenerator<NodeState> {
    if (kept) yield* kept;
    else for await (const dump of dumps.nodes()) yield readNode(dump);
  }
  return {cluster, states, pods};
}

const rowsOf = ({tables}: NamespaceState): number => Object.values(tables).reduce((n, rows) => n + rows.length, 0);

export async function* views(cluster: Cluster, states: AsyncIterable<NodeState>): AsyncGenerator<NodeView> {
  for await (const state of states) yield view(cluster, state);
}

export async function diagnose(dumps: Dumps, given: Given, rules: readonly Rule[]): Promise<Diagnosis> {
  const {cluster, states, pods} = await survey(dumps, given);
  const judged = await judge(cluster, states(), rules);
  const {records} = given;
  const unseen = [
    ...(records?.gaps ?? []).map(({what, why}): Gap => ({node: records!.from, what, why})),
    ...cluster.members.flatMap((m) => (m.survey.state.failure?.kind === 'not-asked' ? m.survey.state.gaps : [])),
  ];
  return {cluster, pods, ...judged, gaps: [...unseen, ...judged.gaps]};
}

/** What doctor would say of nodes in these states, which need not be any that were gathered. */
export async function diagnoseStates(states: readonly NodeState[], given: Given, rules: readonly Rule[]): Promise<Judgement> {
  const surveyor = new Surveyor();
  for (const state of states) surveyor.add(state);
  return judge(buildCluster(surveyor, given), states, rules);
}

type Judgement = Pick<Diagnosis, 'findings' | 'notEvaluated' | 'gaps'>;

async function judge(cluster: Cluster, states: AsyncIterable<NodeState> | Iterable<NodeState>, rules: readonly Rule[]): Promise<Judgement> {
  const whole = examineCluster(cluster, rules);
  const judged: Judged[] = [...whole.judged];
  const notEvaluated: NotEvaluated[] = [...whole.notEvaluated];
  const gaps: Gap[] = [];
  for await (const state of states) {
    const node = view(cluster, state);
    gaps.push(...node.state.gaps);
    // Nothing of it was read: that is one gap, not fifty rules that could not be judged.
    if (node.state.failure && Object.keys(node.state.tables).length === 0) continue;
    const examined = examineNode(node, rules);
    judged.push(...examined.judged);
    notEvaluated.push(...examined.notEvaluated);
  }
  // What the cloud did not say is wanting once, however many nodes it is about.
  const once = new Map(notEvaluated.map((n) => [`${n.rule} ${n.node} ${n.missing.join()}`, n]));
  return {findings: fold(judged), notEvaluated: [...once.values()].toSorted((a, b) => compare(a.node, b.node)), gaps};
}
