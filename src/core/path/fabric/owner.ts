import {leaseOf} from '../../flannel/lease.js';
import {attachmentsOf} from '../../model/attachment.js';
import type {Member} from '../../model/cluster.js';
import {type Family, familyOf, type Ip, type Prefix} from '../../net/address.js';
import {contains} from '../../net/prefix.js';
import {holders, isPodAddress, type Place, type World} from '../world.js';

/** Whose an address is, as the cluster itself has it: a node's own, in the part of a node (`subnet`), or a single pod's on a node. */
export interface Owner {
  readonly node: string;
  readonly as: 'node' | 'part' | 'pod';
  readonly subnet?: Prefix;
  /** The node's address in the network between the nodes, where it is known. */
  readonly at?: Ip;
}

/** The member whose own it is, whose part of the pod network it lies in, or whose pod has it; undefined: nobody's that is known. */
export function ownerOf(world: World, address: Ip): Owner | undefined {
  const {cluster} = world;
  const pod = isPodAddress(world, address);
  const [held] = pod ? [] : holders(world, address);
  if (held) return {node: held.name, as: 'node', at: address};
  for (const member of cluster.members) {
    const subnet = subnetOf(member, familyOf(address));
    const at = member.lease && leaseOf(member.lease, familyOf(address))?.publicIP;
    if (subnet !== undefined && contains(subnet, address)) return {node: member.name, as: 'part', subnet, ...(at !== undefined && {at})};
  }
  const node = singleOf(world, address);
  if (node === undefined) return undefined;
  const at = ownAddress(cluster.members.find((m) => m.name === node));
  return {node, as: 'pod', ...(at !== undefined && {at})};
}

/** What is its own of the pod network: by its lease, also where nobody listed its address, else by the bridge that was listed. */
export const subnetOf = ({lease, survey}: Member, family: Family): Prefix | undefined =>
  (family === 4 ? lease?.subnet : lease?.ipv6Subnet) ?? (survey.looksAt.links ? undefined : survey.part?.[family]);

/** The node of a pod whose address follows from no subnet: by the API server, by the model, by what was read of the nodes. */
function singleOf({cluster, nodes, pods}: World, address: Ip): string | undefined {
  const record = cluster.records?.pods?.find(
    (p) => !p.hostNetwork && p.phase !== 'Succeeded' && p.phase !== 'Failed' && p.ips.includes(address),
  );
  if (record?.node !== undefined) return record.node;
  const member = cluster.members.find((m) => m.pods?.includes(address));
  if (member) return member.name;
  const held = [...pods].find(([, all]) => all.some((p) => p.state.tables.address?.some((a) => a.local === address)))?.[0];
  if (held !== undefined) return held;
  for (const [name, {own}] of nodes) if (own && attachmentsOf(own).some((a) => a.address === address)) return name;
  return undefined;
}

const ownAddress = (member: Member | undefined): Ip | undefined =>
  member?.lease?.publicIP ??
  member?.addresses?.[0] ??
  member?.survey.addresses.find((a) => a.dev === (member.uplink?.name ?? member.survey.defaultDev[a.family]))?.address;

/**
 * Does a network that carries pods' packets lie behind the wires of this place: a cloud's, or one that the mode leaves them to? The mode is
 * asked last, and only where a pod's address is concerned: it rests on more than a trace between others needs.
 */
export const isFabric = (world: World, place: Place | undefined, ...addresses: readonly Ip[]): boolean =>
  world.cluster.cloud !== undefined ||
  (place === undefined ? [...world.nodes.values()] : [place]).some((one) => hasOwnAddresses(world, one)) ||
  (addresses.some((a) => isPodAddress(world, a)) && world.cluster.mode?.fabric !== undefined);

/** Its pods have addresses of the network between the nodes, each by itself. */
export function hasOwnAddresses(world: World, place: Place): boolean {
  const own = place.own ?? world.nodes.get(place.node)?.own;
  return own !== undefined && attachmentsOf(own).some(({kind}) => kind !== 'bridge' && kind !== 'ptp');
}
