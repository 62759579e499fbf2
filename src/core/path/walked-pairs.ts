import type {Family} from '../net/address.js';
import {alike, type Matrix, NAMES, type PairMark, type Reason, SHOWN} from './all-pairs.js';
import type {Endpoint} from './endpoint.js';
import type {Walk} from './step.js';

/** One pair of ends, by their numbers, walked there and back. */
export interface WalkedPair {
  readonly from: number;
  readonly to: number;
  readonly there: Walk;
  readonly back: Walk | undefined;
}

/** The matrix of ends that were walked pair by pair: where each pod has an address of its own, no row stands for many. */
export async function walkedPairs(
  family: Family,
  ends: readonly Pick<Endpoint, 'name' | 'kind'>[],
  pairs: AsyncIterable<WalkedPair>,
): Promise<Matrix> {
  const names = ends.map(({name}) => name);
  const counts = {reachable: 0, inferred: 0, broken: 0, unknown: 0};
  const marks = names.map((): (PairMark | null)[] => names.map(() => null));
  const reasons = new Map<
    string,
    {reason: Reason; readonly first: {readonly from: string; readonly to: string}[]; readonly nodes: Set<string>}
  >();
  const known = new Map(names.map((name) => [name, true]));
  for await (const {from, to, there, back} of pairs) {
    const mark = markOf(there, back);
    counts[mark] += 1;
    marks[from]![to] = mark;
    const [bad, direction] = there.verdict.kind === 'reachable' ? [back, 'back' as const] : [there, 'there' as const];
    if (!bad || bad.verdict.kind === 'reachable') continue;
    const {kind: verdict, disposition, because, hop} = bad.verdict;
    const at = bad.hops.find((h) => h.number === hop)?.steps.at(-1)?.node ?? names[from]!;
    const key = `${direction} ${verdict} ${disposition} ${alike(because, known)}`;
    const entry = reasons.get(key) ?? {
      reason: {direction, verdict, disposition, because, pairs: 0, first: [], nodes: [], nodeCount: 0},
      first: [],
      nodes: new Set<string>(),
    };
    reasons.set(key, entry);
    if (entry.first.length < NAMES) entry.first.push({from: names[from]!, to: names[to]!});
    entry.nodes.add(at);
    entry.reason = {...entry.reason, pairs: entry.reason.pairs + 1};
  }
  return {
    family,
    nodes: names,
    ends: ends.some(({kind}) => kind === 'vm') ? 'pods and machines' : 'pods',
    counts,
    reasons: [...reasons.values()]
      .map(({reason, first, nodes}): Reason => ({...reason, first, nodes: [...nodes].slice(0, NAMES), nodeCount: nodes.size}))
      .toSorted((x, y) => Number(x.verdict === 'unknown') - Number(y.verdict === 'unknown') || y.pairs - x.pairs),
    marks: names.length <= SHOWN ? marks : undefined,
  };
}

/** Broken wins; what arrives by a hop that nobody declared is inferred. */
function markOf(there: Walk, back: Walk | undefined): PairMark {
  const verdicts = [there.verdict, ...(back ? [back.verdict] : [])];
  for (const kind of ['broken', 'unknown'] as const) if (verdicts.some((v) => v.kind === kind)) return kind;
  const sure = verdicts.every((v) => v.kind === 'reachable' && (v.certainty === 'observed' || v.certainty === 'declared'));
  return sure && back ? 'reachable' : 'inferred';
}
