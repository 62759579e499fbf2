import {attachmentsOf} from '../core/model/attachment.js';
import type {Cluster, Given} from '../core/model/cluster.js';
import {familyOf} from '../core/net/address.js';
import type {NodeState} from '../core/node/state.js';
import type {Matrix} from '../core/path/all-pairs.js';
import type {Endpoint} from '../core/path/endpoint.js';
import {type WalkedPair, walkedPairs} from '../core/path/walked-pairs.js';
import type {Dumps} from './diagnose.js';
import {openTrace} from './trace.js';

/** Has some pod an address that follows from no subnet of its node: one of a network interface of a cloud? */
export const hasOwnAddressPods = (state: NodeState): boolean => attachmentsOf(state).some(({kind}) => kind !== 'bridge' && kind !== 'ptp');

/** A pod of each kind of attachment that a node has, one that was gathered before one that its tables alone know. */
export function endsOf(state: NodeState): readonly Endpoint[] {
  const kinds = new Map<string, Endpoint>();
  const all = attachmentsOf(state).filter((a) => familyOf(a.address) === 4);
  for (const {kind, address, pod} of [...all.filter((a) => a.pod !== undefined), ...all]) {
    // Nothing of an interface in a namespace that nobody read is on the node.
    if (kinds.has(kind) || (pod === undefined && kind.startsWith('exclusive'))) continue;
    kinds.set(kind, {name: pod ?? address, kind: 'pod', node: state.name, ...(pod !== undefined && {pod}), addresses: {4: address}});
  }
  return [...kinds.values()];
}

/** Machines of the network that are no nodes, as the cloud lists them: the first of each subnet. */
export function machinesOf({cloud, members}: Pick<Cluster, 'cloud' | 'members'>): readonly Endpoint[] {
  const held = new Set(members.flatMap((m) => [...(m.pods ?? []), ...m.survey.addresses.map((a) => a.address)]));
  const first = new Map<string, Endpoint>();
  for (const {node, instanceId, subnetId, addresses} of cloud?.enis ?? []) {
    const address = (addresses.find((a) => a.primary) ?? addresses[0])?.address;
    if (node !== undefined || instanceId === undefined || address === undefined || familyOf(address) !== 4 || held.has(address)) continue;
    if (!first.has(subnetId ?? '')) first.set(subnetId ?? '', {name: address, kind: 'vm', addresses: {4: address}});
  }
  return [...first.values()];
}

/**
 * A pod of every kind of every node to each other, and to a machine of each subnet that is no node, walked pair by pair with the tables of
 * both ends. IPv4: no cloud that gives pods addresses of its own is walked in IPv6.
 */
export async function ownAddressPairs(dumps: Dumps, given: Given, pods: readonly Endpoint[]): Promise<Matrix> {
  const tracer = await openTrace(dumps, given);
  const ends = [...pods, ...machinesOf(tracer.cluster)];
  async function* pairs(): AsyncGenerator<WalkedPair> {
    for (const [from, a] of ends.entries())
      for (const [to, b] of ends.entries()) {
        // Between two machines no node has a part.
        if (from === to || (a.kind === 'vm' && b.kind === 'vm')) continue;
        const {there, back} = await tracer.trace(a, b, {proto: 'icmp', family: 4});
        yield {from, to, there, back};
      }
  }
  return walkedPairs(4, ends, pairs());
}
