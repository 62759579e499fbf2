import {isInPod, type Operation} from '../../core/change/operation.js';
import {type ProbeEnd, probeEnd} from '../../core/change/probe-ends.js';
import {inverses} from '../../core/change/simulate.js';
import {unmet} from '../../core/change/unmet.js';
import {readNode} from '../../core/model/read-node.js';
import type {NodeDump} from '../../core/node/dump.js';
import {survey, views} from '../diagnose.js';
import type {Reach} from '../evidence.js';
import {gather} from '../gather/gather.js';
import type {ChangeHeader} from './agent.js';
import {type Mesh, type MeshOptions, mesh, pairName, type Runner, worsened} from './mesh.js';
import type {Left} from './outcome.js';
import type {ChangeStage} from './stages.js';

export interface ReviewOptions {
  readonly reach: Reach;
  readonly runners: ReadonlyMap<string, Runner>;
  readonly ends: readonly ProbeEnd[];
  /** What answered before: exactly that must answer now. */
  readonly baseline: Mesh;
  readonly size?: MeshOptions['size'];
}

/**
 * Looks at nodes once more after all is done or undone: what is not as these operations, in this order, would have left it, and who does not
 * answer any more. What a tool reported as done may have been taken back by somebody else since, or a refusal may have looked like success.
 */
export type Review = (wanted: ReadonlyMap<string, readonly Operation[]>) => Promise<readonly Left[]>;

export const reviewOf =
  ({reach, runners, ends, baseline, size}: ReviewOptions): Review =>
  async (wanted) => {
    const {signal} = new AbortController();
    const nodes = [...wanted.keys()];
    const addresses = reach.addresses.filter(({node}) => wanted.has(node));
    const pods = [...wanted.values()].some((list) => list.some(isInPod));
    const {transport, timeoutMs, concurrency} = reach;
    const left: Left[] = [];
    const [probed] = await Promise.all([
      mesh(runners, ends, {signal, touching: nodes, ...(size && {size})}),
      (async () => {
        for await (const dump of gather(addresses, {transport, timeoutMs, concurrency, signal, pods: pods ? 'all' : 'none'}))
          left.push(...shown(dump.node, unmet(wanted.get(dump.node)!, readNode(dump))));
      })(),
    ]);
    left.push(...worsened(baseline, probed).map(({from, what}) => ({node: from, what, why: 'it answered before'})));
    return left;
  };

/** Lines of one node that are told. */
const TOLD = 20;

function shown(node: string, lines: readonly string[]): readonly Left[] {
  const told = lines.slice(0, TOLD).map((what) => ({node, what, why: AFTERWARDS}));
  return lines.length <= TOLD ? told : [...told, {node, what: `and ${lines.length - TOLD} more`, why: AFTERWARDS}];
}

const AFTERWARDS = 'read again afterwards: the kernel refused it without a word, or somebody else has changed it since';

type Kept = ReadonlyMap<number, readonly Operation[]>;

/** What must hold on a node once these stages are done. */
export const doneBy = (kept: Kept): readonly Operation[] => [...kept].sort(([a], [b]) => a - b).flatMap(([, operations]) => operations);

/** What must hold on a node once these stages are undone. */
export const undoneBy = (kept: Kept): readonly Operation[] => inverses(doneBy(kept));

/** What a plan's stages are made of, by node; only stages that `took` says ran there. */
export function keptIn(stages: readonly ChangeStage[], took: (stage: number, node: string) => boolean): ReadonlyMap<string, Kept> {
  const kept = new Map<string, Map<number, readonly Operation[]>>();
  for (const [stage, {work}] of stages.entries())
    for (const {node, operations = []} of work) {
      if (!took(stage, node)) continue;
      kept.set(node, (kept.get(node) ?? new Map<number, readonly Operation[]>()).set(stage, operations));
    }
  return kept;
}

/**
 * For a change that was made some time ago, from whatever machine: what answers now, and answered before the change, must answer when it is
 * undone. `unread` names nodes that could not be read, of whose pairs nothing can be said.
 */
export async function reviewSince(
  {largest, silent = []}: Pick<ChangeHeader, 'largest' | 'silent'>,
  reach: Reach,
  runners: ReadonlyMap<string, Runner>,
  signal: AbortSignal,
): Promise<{readonly review: Review; readonly unread: readonly string[]}> {
  const {addresses, transport, timeoutMs, concurrency} = reach;
  const dumps: NodeDump[] = [];
  for await (const dump of gather(addresses, {transport, timeoutMs, concurrency, signal})) dumps.push(dump);
  const source = {
    async *nodes() {
      yield* dumps;
    },
  };
  const {cluster, states} = await survey(source, {});
  const ends: ProbeEnd[] = [];
  for await (const view of views(cluster, states())) ends.push(...[probeEnd(view) ?? []].flat());
  const size = largest && {size: ({family}: {readonly family: 4 | 6}) => largest[family]};
  const {pairs, left} = await mesh(runners, ends, {signal, ...size});
  const baseline = {pairs: pairs.filter((pair) => !silent.includes(pairName(pair))), left};
  const unread = dumps.flatMap(({node, failure}) => (failure ? [`${node}: ${failure.message}`] : []));
  return {review: reviewOf({reach, runners, ends, baseline, ...size}), unread};
}
