import type {Namespace} from '../forwarding/query.js';
import type {Link} from '../kernel/link.js';
import {attachmentsOf} from '../model/attachment.js';
import type {Cluster, Member} from '../model/cluster.js';
import type {Ip} from '../net/address.js';
import {contains, network} from '../net/prefix.js';
import {podBridge} from '../node/pod-bridge.js';
import {looked, type NodeState} from '../node/state.js';
import {asListed, isImplied} from './listed.js';
import {withLocalRoutes} from './local.js';
import {UNREAD_MAC} from './packet.js';

/** One network namespace on the way: a node's own, or a pod's. */
export interface Place {
  readonly node: string;
  readonly pod?: string;
  /** Of a node and of a pod that was read whole: with its kernel parameters. */
  readonly state: Namespace;
  /** The node's whole state; absent for pods, whose firewall is not gathered. */
  readonly own?: NodeState;
  /** The pod was not gathered: this is what the CNI gives such a pod. */
  readonly inferred?: true;
}

/** What is known of the cluster, as far as it was loaded. */
export interface World {
  readonly cluster: Cluster;
  readonly nodes: ReadonlyMap<string, Place>;
  readonly pods: ReadonlyMap<string, readonly Place[]>;
  /** The port on the node of a pod that was inferred, by the pod's name. */
  readonly ports: ReadonlyMap<string, string>;
}

export function worldOf(
  cluster: Cluster,
  states: readonly NodeState[],
  more: readonly {readonly place: Place; readonly port?: string}[] = [],
): World {
  const ports = new Map(more.flatMap((m) => (m.port === undefined ? [] : [[m.place.pod!, m.port] as const])));
  const nodes = new Map<string, Place>();
  const pods = new Map<string, readonly Place[]>();
  for (const own of states) {
    const inside = [...podsOf(own), ...more.filter((m) => m.place.node === own.name).map((m) => m.place)];
    pods.set(own.name, inside);
    nodes.set(own.name, nodeOf(own, inside, ports));
  }
  return {cluster, nodes, pods, ports};
}

const podsOf = (own: NodeState): readonly Place[] =>
  (own.pods ?? []).map((given) => {
    const state = withLocalRoutes(asListed(given));
    const implied = state.tables.link?.some(isImplied) === true;
    return {node: own.name, pod: given.name, state, ...(implied && {inferred: true as const})};
  });

/** Of a node whose devices were not listed, each pod that follows from a listing is behind a port that must be there. */
function nodeOf(own: NodeState, inside: readonly Place[], ports: Map<string, string>): Place {
  const state = withLocalRoutes(asListed(own));
  if (state === own || looked(own, 'link')) return {node: own.name, state, own: state};
  const master = podBridge(own);
  const behind = inside.flatMap(({pod, inferred}): Link[] => {
    if (pod === undefined || !inferred || ports.has(pod)) return [];
    const ifname = `veth of ${pod}`;
    ports.set(pod, ifname);
    return [{ifname, master, kind: 'veth', flags: ['UP', 'LOWER_UP'], mtu: 0, address: UNREAD_MAC}];
  });
  const {link: listed, ...tables} = state.tables;
  return {
    node: own.name,
    state: {...state, tables: {...tables, link: [...(listed ?? []), ...behind]}},
    // How pods hang on it is read from what was listed alone.
    own: {...state, tables: {...tables, ...(own.tables.link && {link: own.tables.link})}},
  };
}

export const placeName = (place: Place): string => (place.pod === undefined ? place.node : `pod ${place.pod}`);

export const linkOf = (place: Place, dev: string | undefined): Link | undefined =>
  dev === undefined ? undefined : place.state.tables.link?.find((l) => l.ifname === dev);

/**
 * Administratively up and with a carrier: it can send. `LOWER_UP` is the carrier itself; `NO-CARRIER` and the operational state come after
 * it by up to a second.
 */
export const isUp = ({flags}: Link): boolean => flags.includes('UP') && (flags.includes('LOWER_UP') || !flags.includes('NO-CARRIER'));

export interface Interface {
  readonly place: Place;
  readonly link: Link;
}

/** The pod behind a veth of the node. */
export function podBehind(world: World, node: Place, port: Link): Interface | undefined {
  for (const place of world.pods.get(node.node) ?? []) {
    if (place.inferred && world.ports.get(place.pod ?? '') === port.ifname) return {place, link: place.state.tables.link![0]!};
    // Indexes repeat from namespace to namespace: only a pair that names each other is a pair.
    const link = place.state.tables.link?.find((l) => l.kind === 'veth' && l.link_index === port.ifindex && l.ifindex === port.link_index);
    if (link && port.kind === 'veth' && port.ifindex !== undefined) return {place, link};
  }
  return undefined;
}

/** The node's end of a pod's interface. */
export function portOf(world: World, pod: Place, eth: Link): Interface | undefined {
  const node = world.nodes.get(pod.node);
  if (!node) return undefined;
  const named = pod.inferred && world.ports.get(pod.pod ?? '');
  const link = named
    ? linkOf(node, named)
    : node.state.tables.link?.find((l) => l.kind === 'veth' && l.ifindex === eth.link_index && l.link_index === eth.ifindex);
  return link && {place: node, link};
}

/** The ports of a bridge that carry frames. */
export const portsOf = (node: Place, bridge: string): readonly Link[] =>
  (node.state.tables.link ?? []).filter((l) => l.master === bridge && carries(l));

/** STP states as `ip -d link` prints them; without details it says nothing, and a port that is up forwards. */
export const carries = (port: Link): boolean => isUp(port) && (port.port?.['state'] === undefined || port.port['state'] === 'forwarding');

const virtual = new Set(['bridge', 'vxlan', 'dummy', 'tun', 'ipip', 'gre', 'gretap', 'geneve', 'wireguard', 'sit', 'ip6tnl', 'vrf']);

/** A network interface of a pod's own: it has no other end on the node. */
const isExclusive = (world: World, {node, pod, own}: Place, link: Link): boolean => {
  const state = own ?? world.nodes.get(node)?.own;
  return state !== undefined && attachmentsOf(state).some((a) => a.pod === pod && a.eth === link.ifname && a.kind.startsWith('exclusive'));
};

/** Does the device lead to a wire that other machines are on? */
export const isWire = (world: World, node: Place, link: Link): boolean =>
  (node.pod === undefined || isExclusive(world, node, link)) &&
  link.ifname !== 'lo' &&
  !virtual.has(link.kind ?? '') &&
  link.master === undefined &&
  podBehind(world, node, link) === undefined;

const byAddress = new WeakMap<readonly Member[], ReadonlyMap<Ip, readonly Member[]>>();

/** The members that have the address, whether the device it is on is up or not; found by an index that is made once a cluster. */
export function holdersIn({members}: Pick<Cluster, 'members'>, address: Ip): readonly Member[] {
  let index = byAddress.get(members);
  if (!index) {
    const made = new Map<Ip, Member[]>();
    for (const member of members)
      for (const held of new Set(member.survey.addresses.map((a) => a.address))) {
        const list = made.get(held);
        if (list) list.push(member);
        else made.set(held, [member]);
      }
    byAddress.set(members, made);
    index = made;
  }
  return index.get(address) ?? [];
}

export const holders = (world: World, address: Ip): readonly Member[] => holdersIn(world.cluster, address);

/** Is the address one that flannel gives to pods? k3s writes ::/0 for a family that is off. */
export const isPodAddress = (world: World, address: Ip): boolean =>
  world.cluster.networks.some((n) => !n.endsWith('/0') && contains(n, address));

/** The prefixes that a member is connected to through a device. */
const connected = (member: Member | undefined, dev: string): readonly string[] =>
  (member?.survey.addresses ?? [])
    .filter((a) => a.dev === dev && a.prefixlen < (a.family === 4 ? 32 : 128))
    .map((a) => `${network(a.address, a.prefixlen)}/${a.prefixlen}`);

/**
 * Are two devices on one wire? Nobody prints that; it follows where one of the two has an address in a network of the other, in either family,
 * or where the one has learnt the other's hardware address.
 */
export function onOneWire(world: World, from: Place, link: Link, other: Member, dev: string): boolean {
  const self = world.cluster.members.find((m) => m.name === from.node);
  const at = (member: Member | undefined, name: string) =>
    (member?.survey.addresses ?? []).filter((a) => a.dev === name).map((a) => a.address);
  const touches = (prefixes: readonly string[], addresses: readonly Ip[]) => prefixes.some((p) => addresses.some((a) => contains(p, a)));
  if (touches(connected(self, link.ifname), at(other, dev)) || touches(connected(other, dev), at(self, link.ifname))) return true;
  const mac = other.survey.links.find((l) => l.ifname === dev)?.address;
  return (
    mac !== undefined &&
    (from.state.tables.neigh ?? []).some((n) => n.dev === link.ifname && n.lladdr === mac && !n.state.includes('PERMANENT'))
  );
}
