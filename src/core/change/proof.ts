import {leaseOf} from '../flannel/lease.js';
import type {Cluster} from '../model/cluster.js';
import {modeOf} from '../modes/index.js';
import type {Family} from '../net/address.js';
import type {NodeState} from '../node/state.js';
import {type Entry, type Pair, pair} from '../path/all-pairs.js';
import {type Digest, digest, type Fault} from '../path/digest.js';
import {smallEcho} from '../path/packet.js';
import {type Peer, peersOf} from '../path/peer-index.js';
import type {Operation} from './operation.js';
import type {Plan, Target} from './plan.js';
import {type Checkpoint, checkpoints} from './proof/checkpoints.js';
import {largestOf} from './proof/largest.js';

/** A pair that works now and would not in some state that the change goes through. */
export interface Loss {
  /** The stage's title. */
  readonly stage: string;
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  /** Of the IP packet, in bytes. */
  readonly size: number;
  /** How far each of the two is within the stage: the operation that it did last, or `before`. */
  readonly fromDid: string;
  readonly toDid: string;
  readonly direction: 'there' | 'back';
  readonly verdict: Fault['verdict'];
  readonly disposition: Fault['disposition'];
  readonly because: string;
  /** Where it ends. */
  readonly node: string;
}

export interface Proof {
  /** Pairs of nodes times the states that were tried for each. */
  readonly tried: number;
  /** The first loss of each pair and stage, at most `SHOWN` of them; empty: the change is proven. */
  readonly losses: readonly Loss[];
  readonly lossCount: number;
  /** Pairs of which nobody can say whether they work now, and so nothing is proven. */
  readonly unknown: readonly {readonly from: string; readonly to: string; readonly family: Family; readonly because: string}[];
  /** Pairs that do not work now: nothing is promised for them. */
  readonly broken: readonly {readonly from: string; readonly to: string; readonly family: Family; readonly because: string}[];
}

const SHOWN = 20;

/** The states that one node may be in during a stretch of the plan, in order, each with its digest. */
interface Way {
  readonly points: readonly {readonly did: string; readonly entry: Entry}[];
}

/**
 * Follows every ordered pair of nodes through every state that the plan, cut off anywhere, can leave the two in. Nodes go through a stage on
 * their own, so each state of one is tried with each of the other; and since a node's timer may take back its flips alone, all flip stages
 * count as one. Undoing goes through the same states backwards. What a row for one peer says does not matter to the way to another, so that
 * all peers go forward together, one operation of each at a time (see `checkpoints`).
 */
export function prove(plan: Plan, cluster: Cluster, states: readonly NodeState[]): Proof {
  const proof: Tally = {tried: 0, losses: [], lossCount: 0, unknown: [], broken: []};
  const known = withMacs(cluster, plan, states);
  for (const family of [4, 6] as const) {
    const peers = peersOf(known, family);
    if (peers.length < 2) continue;
    const large = largestOf(plan, known, states, family);
    for (const size of [...new Set([smallEcho[family], Math.max(large, smallEcho[family])])])
      proveOne(proof, plan, known, states, {family, size, peers});
  }
  return proof;
}

interface Tally {
  tried: number;
  readonly losses: Loss[];
  lossCount: number;
  readonly unknown: Proof['unknown'][number][];
  readonly broken: Proof['broken'][number][];
}

interface Case {
  readonly family: Family;
  readonly size: number;
  readonly peers: readonly Peer[];
}

function proveOne(proof: Tally, plan: Plan, cluster: Cluster, states: readonly NodeState[], one: Case): void {
  const {family, size, peers} = one;
  const number = new Map(peers.map((p, i) => [p.node, i]));
  const entry = (state: NodeState): Entry => {
    const found: Digest | Fault = digest(cluster, state, family, peers, size);
    return {node: state.name, at: number.get(state.name), digest: found};
  };
  const here = states.filter((s) => number.has(s.name));
  let ways: readonly Way[] = here.map((state) => ({points: [{did: 'before', entry: entry(state)}]}));
  let now = here;
  const good = baseline(proof, ways, one);
  for (const {title, work} of stretches(plan)) {
    const next = now.map((state, i): {readonly state: NodeState; readonly way: Way} => {
      const operations = work.get(state.name) ?? [];
      const all = checkpoints(state, operations, cluster);
      // What fits is decided by devices and routes as a whole: large packets are tried at the ends of a stage, small ones at each step.
      const points = size === smallEcho[family] ? all : all.slice(-1).map((point) => ({...point, touches: () => true}));
      let last = ways[i]!.points.at(-1)!.entry;
      const step = (point: Checkpoint) => {
        if (point.touches(family)) last = entry(point.state);
        return {did: point.did, entry: last};
      };
      return {state: points.at(-1)?.state ?? state, way: {points: [{did: 'before', entry: last}, ...points.map(step)]}};
    });
    ways = next.map((n) => n.way);
    now = next.map((n) => n.state);
    tryAll(proof, title, ways, good, one);
  }
}

/**
 * From the first flip to the last everything is one stretch, since a node may take back its own while others keep theirs; every other stage is
 * one by itself. Operations by node.
 */
function stretches(plan: Plan): readonly Stretch[] {
  const is = plan.stages.map((s) => s.phase === 'flip');
  const [first, last] = [is.indexOf(true), is.lastIndexOf(true)];
  return plan.stages.flatMap((stage, i) => {
    if (i > first && i <= last) return [];
    const all = i === first ? plan.stages.slice(first, last + 1) : [stage];
    const work = new Map<string, readonly Operation[]>();
    for (const {work: parts} of all) for (const {node, operations} of parts) work.set(node, [...(work.get(node) ?? []), ...operations]);
    return [{title: all.length > 1 ? `flip, ${all.length} waves` : stage.title, work}];
  });
}

interface Stretch {
  readonly title: string;
  readonly work: ReadonlyMap<string, readonly Operation[]>;
}

/** The pairs that work now, by their numbers. */
function baseline(proof: Tally, ways: readonly Way[], {family, size, peers}: Case): ReadonlySet<number> {
  const good = new Set<number>();
  const entries = ways.map((w) => w.points[0]!.entry);
  const byName = new Map(entries.map((e) => [e.node, e]));
  for (const [i, a] of entries.entries())
    for (const [j, b] of entries.entries()) {
      if (i === j) continue;
      const found = pair(a, b, peers, byName);
      if (!('fault' in found)) good.add(i * entries.length + j);
      // A large packet that does not fit now is no promise either; who has no path at all is said once.
      else if (size === smallEcho[family])
        (found.fault.verdict === 'unknown' ? proof.unknown : proof.broken).push({
          from: a.node,
          to: b.node,
          family,
          because: found.fault.because,
        });
    }
  return good;
}

function tryAll(proof: Tally, stage: string, ways: readonly Way[], good: ReadonlySet<number>, {family, size, peers}: Case): void {
  const byName = new Map(ways.map((w) => [w.points[0]!.entry.node, w.points[0]!.entry]));
  for (const [i, a] of ways.entries())
    for (const [j, b] of ways.entries()) {
      if (i === j || !good.has(i * ways.length + j)) continue;
      const lost = firstLoss(proof, a, b, peers, byName);
      if (!lost) continue;
      proof.lossCount += 1;
      const {found, fromDid, toDid} = lost;
      if (proof.losses.length >= SHOWN) continue;
      const {verdict, disposition, because, node} = found.fault;
      const from = a.points[0]!.entry.node;
      const to = b.points[0]!.entry.node;
      proof.losses.push({stage, from, to, family, size, fromDid, toDid, direction: found.direction, verdict, disposition, because, node});
    }
}

type Lost = Extract<Pair, {readonly fault: Fault}>;

function firstLoss(proof: Tally, a: Way, b: Way, peers: readonly Peer[], byName: ReadonlyMap<string, Entry>) {
  let seen: Entry | undefined;
  for (const x of a.points) {
    // A state that left the digest as it was is no new one.
    if (x.entry === seen) continue;
    seen = x.entry;
    let other: Entry | undefined;
    for (const y of b.points) {
      if (y.entry === other) continue;
      other = y.entry;
      proof.tried += 1;
      const found = pair(x.entry, y.entry, peers, byName);
      if ('fault' in found) return {found: found as Lost, fromDid: x.did, toDid: y.did};
    }
  }
  return undefined;
}

/** Every node's lease with the hardware address of the tunnel that it has now, or else will have: what rows are compared with. */
function withMacs(cluster: Cluster, plan: Plan, states: readonly NodeState[]): Cluster {
  const made = new Map<string, NodeState>();
  for (const state of states) {
    const added = plan.stages
      .flatMap((s) => s.work.filter((w) => w.node === state.name).flatMap((w) => w.operations))
      .flatMap((op) => (op.on === 'link' && op.do === 'add' ? [op.row] : []));
    made.set(state.name, {...state, tables: {...state.tables, link: [...(state.tables.link ?? []), ...added]}});
  }
  const macs = ({type, settings}: Target, name: string) => {
    const state = made.get(name);
    return (state && modeOf(type)?.publishes(state.tables.link ?? [], settings)) ?? {};
  };
  const members = cluster.members.map((m) => {
    if (!m.lease || (leaseOf(m.lease, 4) === undefined && leaseOf(m.lease, 6) === undefined)) return m;
    return {...m, lease: {...m.lease, ...macs(plan.to, m.name), ...(plan.from && macs(plan.from, m.name))}};
  });
  return {...cluster, members};
}
