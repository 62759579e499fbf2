import {leaseOf} from '../../flannel/lease.js';
import type {Cluster} from '../../model/cluster.js';
import {type Family, familyOf} from '../../net/address.js';
import {baseOf, contains} from '../../net/prefix.js';
import type {NodeState} from '../../node/state.js';
import type {Operation} from '../operation.js';
import {showOperation} from '../operations/index.js';
import {simulate} from '../simulate.js';

/** A state of one node on its way through a stage. */
export interface Checkpoint {
  readonly did: string;
  readonly state: NodeState;
  /** Could what was done since the checkpoint before matter to packets of this family? */
  readonly touches: (family: Family) => boolean;
}

/**
 * The states that a node goes through, as any one peer sees them: what is done for one peer (its route, neighbour, forwarding entry) leaves
 * the way to all others as it was, so the n-th operation for every peer is one checkpoint. What is done to the node itself (a device, a
 * sysctl) is a checkpoint of its own.
 */
export function checkpoints(state: NodeState, operations: readonly Operation[], cluster: Cluster): readonly Checkpoint[] {
  const peerOf = peerFinder(cluster);
  const rounds: Operation[][] = [];
  const turn = new Map<string, number>();
  let floor = 0;
  for (const op of operations) {
    if (op.on === 'file') continue;
    const peer = isPodPort(op) ? 'pods' : peerOf(op);
    const round = peer === undefined ? rounds.length : Math.max(floor, turn.get(peer) ?? 0);
    if (peer === undefined) floor = round + 1;
    else turn.set(peer, round + 1);
    const entry = rounds[round];
    if (entry) entry.push(op);
    else rounds[round] = [op];
  }
  let now = state;
  return rounds.map((round): Checkpoint => {
    now = simulate(now, round);
    const [first] = round;
    const more = round.length - 1;
    const families = new Set(round.flatMap(familiesOf));
    return {
      did: `${showOperation(first!)}${more > 0 ? ` (and ${more} more of that kind)` : ''}`,
      state: now,
      touches: (f) => families.has(f),
    };
  });
}

/** Both ends of a pod's cable: no packet that has to pass is larger than what they take before and after. */
const isPodPort = (op: Operation): boolean =>
  op.on === 'pod-link' || (op.on === 'link' && op.row.kind === 'veth' && op.row.master !== undefined);

function familiesOf(op: Operation): readonly Family[] {
  if (op.on === 'route' || op.on === 'rule' || op.on === 'neigh' || op.on === 'address') return [op.row.family];
  if (op.on === 'xfrm') return [familyOf(op.row.src)];
  // The tunnel end may be of either family whatever the packet inside.
  return [4, 6];
}

/** For whose sake an operation is; undefined for what is the node's own. */
function peerFinder(cluster: Cluster): (op: Operation) => string | undefined {
  const leases = cluster.members.flatMap((m) => ([4, 6] as const).flatMap((f) => (m.lease && leaseOf(m.lease, f)) ?? []));
  const byBase = new Map(leases.map((l) => [baseOf(l.subnet), l.node]));
  const byPublic = new Map(leases.map((l) => [l.publicIP, l.node]));
  return (op) => {
    if (op.on === 'route') {
      const {dst} = op.row;
      return byBase.get(baseOf(dst)) ?? leases.find((l) => familyOf(l.subnet) === op.row.family && contains(l.subnet, dst))?.node;
    }
    if (op.on === 'neigh') return byBase.get(op.row.dst);
    if (op.on === 'wg') return op.row.allowedIPs.flatMap((p) => byBase.get(baseOf(p)) ?? [])[0];
    // One end of it is the node's own.
    if (op.on === 'xfrm') return byBase.get(baseOf(op.row.dir === 'out' ? op.row.dst : op.row.src));
    if (op.on === 'fdb' && op.row.dst !== undefined) return byPublic.get(op.row.dst);
    return undefined;
  };
}
