import type {CloudNode} from '../cloud/resolve.js';
import {type Ip, tryIp} from '../net/address.js';
import {contains} from '../net/prefix.js';
import type {Cluster, Member} from './cluster.js';

/**
 * The nodes as a cloud may name them: by the addresses that they have in its network, and by the machine that they are. Addresses that
 * several nodes have (Docker's bridge) or that are of the pods' networks (`cni0`) tell no node.
 */
export function cloudNodes({members, networks}: Pick<Cluster, 'members' | 'networks'>): readonly CloudNode[] {
  const counted = new Map<Ip, number>();
  for (const address of members.flatMap((m) => [...new Set(addressesOf(m))])) counted.set(address, (counted.get(address) ?? 0) + 1);
  return members.map((member) => ({
    name: member.name,
    addresses: [...new Set(addressesOf(member))].filter((a) => counted.get(a) === 1 && !networks.some((n) => contains(n, a))),
    ...(member.record?.providerID !== undefined && {providerID: member.record.providerID}),
  }));
}

const addressesOf = ({record, lease, survey}: Member): readonly Ip[] => [
  ...(record?.addresses ?? []).flatMap(({type, address}) => (type === 'InternalIP' ? (tryIp(address) ?? []) : [])),
  ...[lease?.publicIP, lease?.publicIPv6].filter((a) => a !== undefined),
  ...survey.addresses.map((a) => a.address),
];
