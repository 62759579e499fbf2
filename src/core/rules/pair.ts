import {type FamilyLease, type Lease, leaseOf} from '../flannel/lease.js';
import {lookup} from '../forwarding/lookup.js';
import type {Neigh} from '../kernel/neigh.js';
import type {Route} from '../kernel/route.js';
import type {NodeView} from '../model/view.js';
import {modes} from '../modes/index.js';
import type {Want} from '../modes/mode.js';
import type {Family, Ip, Prefix} from '../net/address.js';
import {PrefixIndex} from '../net/lpm.js';
import {baseOf, contains, lengthOf} from '../net/prefix.js';
import {looked} from '../node/state.js';
import type {Severity} from './rule.js';

/** What several rules ask about a node and one of its peers. Everything here is remembered per view, as there may be thousands of peers. */

const remember = <K extends object, V>(make: (key: K) => V): ((key: K) => V) => {
  const known = new WeakMap<K, V>();
  return (key) => {
    const held = known.get(key);
    if (held !== undefined) return held;
    const made = make(key);
    known.set(key, made);
    return made;
  };
};

const byNode = remember((peers: readonly Lease[]) => new Map(peers.map((peer) => [peer.node, peer])));

/** The peer's lease, by its node's name. */
export const peerNamed = (view: NodeView, node: string | undefined, family: Family): FamilyLease | undefined => {
  const lease = node === undefined ? undefined : byNode(view.peers).get(node);
  return lease && leaseOf(lease, family);
};

const bySubnet = remember((peers: readonly Lease[]) => {
  const index = new PrefixIndex<FamilyLease>();
  for (const peer of peers) {
    for (const family of [4, 6] as const) {
      const lease = leaseOf(peer, family);
      if (lease) index.add(lease.subnet, lease);
    }
  }
  return index;
});

/** The peer whose pods have this address, or whose subnet holds this whole prefix. */
export function peerOver(view: NodeView, what: Ip | Prefix): FamilyLease | undefined {
  const address: Ip = what.includes('/') ? baseOf(what as Prefix) : (what as Ip);
  for (const [peer] of bySubnet(view.peers).covering(address)) if (peer && contains(peer.subnet, what)) return peer;
  return undefined;
}

const held = remember((peers: readonly Lease[]) => {
  const index = new PrefixIndex<{readonly node: string; readonly subnet: Prefix}>();
  for (const {node, subnet, ipv6Subnet} of peers) {
    for (const s of [subnet, ipv6Subnet]) if (s !== undefined) index.add(s, {node, subnet: s});
  }
  return index;
});

/** The peer that holds this address or prefix, even where its lease lacks the rest (a node that lost its IPv6 address keeps its subnet). */
export function holderOf(view: NodeView, what: Ip | Prefix): string | undefined {
  const address: Ip = what.includes('/') ? baseOf(what as Prefix) : (what as Ip);
  for (const [first] of held(view.peers).covering(address)) if (first && contains(first.subnet, what)) return first.node;
  return undefined;
}

/** Does the prefix hold a peer's whole subnet? Only one shorter than the node's own can, which spares asking thousands of peers. */
export function coversPeers(view: NodeView, dst: Prefix): boolean {
  const own = dst.includes(':') ? view.self?.ipv6Subnet : view.self?.subnet;
  if (own !== undefined && lengthOf(dst) >= lengthOf(own)) return false;
  return view.peers.some((p) => [p.subnet, p.ipv6Subnet].some((s) => s !== undefined && contains(dst, s)));
}

const byBase = remember((peers: readonly Lease[]) => {
  const map = new Map<Ip, FamilyLease>();
  for (const peer of peers) {
    for (const family of [4, 6] as const) {
      const lease = leaseOf(peer, family);
      if (lease) map.set(baseOf(lease.subnet), lease);
    }
  }
  return map;
});

/** The peer whose subnet begins with this address: the gateway of tunnel routes. */
export const peerWithBase = (view: NodeView, base: Ip): FamilyLease | undefined => byBase(view.peers).get(base);

const mainRows = remember((routes: readonly Route[]) => {
  const map = new Map<Prefix, Route>();
  for (const row of routes) {
    if (row.table !== 'main') continue;
    const held = map.get(row.dst);
    // Of equal metrics the kernel takes the one it lists first.
    if (held === undefined || row.metric < held.metric) map.set(row.dst, row);
  }
  return map;
});

/** The main table's row for exactly this prefix; of several the one the kernel takes. */
export const rowFor = (view: NodeView, dst: Prefix): Route | undefined => mainRows(view.state.tables.route ?? []).get(dst);

const neighbours = remember((rows: readonly Neigh[]) => new Map(rows.map((row) => [`${row.dev} ${row.dst}`, row])));

/** The neighbour row of an address on a device. */
export const neighbourOf = (view: NodeView, dev: string, dst: Ip): Neigh | undefined =>
  neighbours(view.state.tables.neigh ?? []).get(`${dev} ${dst}`);

export const isTunnel = (dev: string | undefined): dev is string => dev !== undefined && modes.some((mode) => mode.ownsDevice(dev));

const byPublicIP = remember((peers: readonly Lease[]) => {
  const map = new Map<Ip, FamilyLease>();
  for (const peer of peers) {
    for (const family of [4, 6] as const) {
      const lease = leaseOf(peer, family);
      if (lease) map.set(lease.publicIP, lease);
    }
  }
  return map;
});

/**
 * The peer whose node gets the packets that follow this row: by its public address on a shared link, or by a tunnel device whose
 * neighbour and FDB rows lead there. Undefined when they reach none, or what decides was not read.
 */
export function leadsTo(view: NodeView, row: Route, family: Family): FamilyLease | undefined {
  if (row.type !== 'unicast' || row.dev === undefined) return undefined;
  const {tables} = view.state;
  const device = tables.link?.find((l) => l.ifname === row.dev);
  if (device?.kind === 'wireguard') return byKey(view, row);
  if (row.gateway === undefined) return undefined;
  if (device?.kind === 'ipip') {
    // The gateway is the outer destination; at the other end a device of the same kind takes the packet.
    const end = device.flags.includes('UP') ? byPublicIP(view.peers).get(row.gateway) : undefined;
    const far = end && view.cluster.members.find((m) => m.name === end.node);
    return far?.survey.links.some((l) => l.kind === 'ipip' && l.ifname === row.dev && l.flags.includes('UP')) ? end : undefined;
  }
  if (isTunnel(row.dev)) {
    if (!device?.flags.includes('UP') || !looked(view.state, 'neigh', family)) return undefined;
    const mac = neighbourOf(view, row.dev, row.gateway)?.lladdr;
    const end = mac === undefined ? undefined : tables.fdb?.find((f) => f.dev === row.dev && f.mac === mac && f.dst !== undefined)?.dst;
    const peer = end === undefined ? undefined : byPublicIP(view.peers).get(end);
    return peer && (peer.vtepMAC === undefined || peer.vtepMAC === mac) ? peer : undefined;
  }
  const found = lookup(view.state, {dst: row.gateway});
  if (found.kind !== 'route' || found.route.gateway !== undefined || found.route.dev !== row.dev) return undefined;
  return byPublicIP(view.peers).get(row.gateway);
}

/** The peer that a WireGuard device sends a whole prefix to. */
function byKey(view: NodeView, {dev, dst}: Route): FamilyLease | undefined {
  if (!view.state.tables.link?.some((l) => l.ifname === dev && l.flags.includes('UP'))) return undefined;
  const rows = (view.state.tables.wg ?? []).filter((p) => p.dev === dev && p.allowedIPs.some((a) => contains(a, dst)));
  const [only] = rows.length === 1 ? rows : [];
  const owner = only && view.peers.find((p) => p.publicKey === only.publicKey);
  return owner && leaseOf(owner, dst.includes(':') ? 6 : 4);
}

/**
 * Would packets that follow this row arrive at the peer, although it is not the row that the mode wants? `detour`: another node of the
 * cluster gets them, and forwards them as it forwards its own.
 */
export function carries(view: NodeView, row: Route, peer: FamilyLease): 'straight' | 'detour' | undefined {
  const at = leadsTo(view, row, peer.family);
  return at && (at.node === peer.node ? 'straight' : 'detour');
}

/** What a wrong row does that carries packets all the same. */
export const arrivesAnyway = (how: 'straight' | 'detour'): string =>
  how === 'straight'
    ? 'packets still arrive, by a way that the backend does not keep up'
    : 'packets take a detour over another node, and depend on it';

/** A wrong row on a device that the route to the peer does not use hurts nobody yet. */
export function severityOn(view: NodeView, dev: string, subnet: Prefix): Severity {
  const used = rowFor(view, subnet)?.dev;
  return used === undefined || used === dev ? 'error' : 'warning';
}

/** The effect of a one-way cut, with both subnets at hand. */
export function cut(view: NodeView, family: Family, peer: string, subnet: Prefix): string {
  const own = family === 4 ? view.self?.subnet : view.self?.ipv6Subnet;
  return `pods of ${view.name} (${own ?? 'subnet unknown'}) cannot reach pods of ${peer} (${subnet})`;
}

/** The nodes whose pods a wanted route leads to: one peer, or, where one row is for the whole network, all of them. */
export function aimedAt(view: NodeView, {row, peer, family}: Want<Route>): Aim {
  if (peer !== undefined)
    return {label: `${row.dst} (${peer})`, pods: `${peer}'s pods`, peers: [peer], effect: cut(view, family, peer, row.dst)};
  return {
    label: row.dst,
    pods: "the other nodes' pods",
    peers: view.peers.filter((p) => leaseOf(p, family) !== undefined).map((p) => p.node),
    effect: `pods of ${view.name} (${(family === 4 ? view.self?.subnet : view.self?.ipv6Subnet) ?? 'subnet unknown'}) cannot reach pods of other nodes`,
  };
}

/** The one route to all peers, in modes that have such a one (wireguard, udp). */
export const wide = (view: NodeView, family: Family): Want<Route> | undefined =>
  view.expected?.route.find((want) => want.family === family && want.peer === undefined && !want.tolerated);

/** Is this the route that another backend of flannel's gave the peer: by a tunnel device, or straight to its public address? */
export const leftBehind = (view: NodeView, row: Route, {subnet, publicIP}: FamilyLease): boolean =>
  row.type === 'unicast' &&
  row.dst === subnet &&
  (isTunnel(row.dev) || row.gateway === publicIP) &&
  row.dev !== undefined &&
  view.expected?.link.some((want) => want.row.ifname === row.dev) !== true;

interface Aim {
  readonly label: string;
  readonly pods: string;
  readonly peers: readonly string[];
  readonly effect: string;
}

/** The command that printed a table of one family, for evidence of what it did not print. */
export function listing(view: NodeView, table: 'route' | 'rule' | 'neigh' | 'fdb', family: Family): string {
  const [section, otherwise] =
    table === 'fdb'
      ? ['bridge-fdb', 'bridge fdb show']
      : table === 'route'
        ? [family === 4 ? 'ip-route-all' : 'ip-6-route-all', 'ip route show table all']
        : [family === 4 ? `ip-${table}` : `ip-6-${table}`, `ip ${table} show`];
  return view.state.commands[section] ?? otherwise;
}
