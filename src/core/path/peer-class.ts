import {leaseOf} from '../flannel/lease.js';
import {type Lookup, lookup} from '../forwarding/lookup.js';
import type {Cluster} from '../model/cluster.js';
import {type Family, familyOf, type Ip, type Mac, type Prefix, tryIp} from '../net/address.js';
import {PrefixIndex} from '../net/lpm.js';
import {baseOf, hostOf, tryPrefix} from '../net/prefix.js';
import type {NodeState} from '../node/state.js';

/** What the others must know of a node in one family. `pod` stands for all pods of its subnet. */
export interface Peer {
  readonly node: string;
  readonly subnet: Prefix;
  readonly pod: Ip;
  readonly public: Ip;
  readonly mac: Mac | undefined;
}

/** The nodes of which a lease of this family is known, in the order of the members. */
export const peersOf = (cluster: Cluster, family: Family): readonly Peer[] =>
  cluster.members.flatMap((member) => {
    const lease = member.lease && leaseOf(member.lease, family);
    if (!lease) return [];
    const {subnet, publicIP, vtepMAC} = lease;
    return [{node: member.name, subnet, pod: hostOf(subnet, 2), public: publicIP, mac: vtepMAC}];
  });

/** The hardware address that a node's tunnel would use towards a peer. */
export interface Classed {
  readonly key: string;
  readonly mac: Mac | undefined;
}

/**
 * Tells which peers a node treats alike: the same rule, the same shape of route, neighbour and forwarding entry, and the same rules of the
 * firewall that name their addresses. What is as flannel writes it is said relative to the peer (`=`); what is not, is said literally, and
 * so makes a class of its own.
 */
export function classifier(own: NodeState, self: Ip, bridge: string): (peer: Peer) => Classed {
  const neigh = new Map((own.tables.neigh ?? []).filter((n) => n.proxy !== true).map((n) => [`${n.dev} ${n.dst}`, n]));
  const tunnels = new Set((own.tables.link ?? []).filter((l) => l.kind === 'vxlan').map((l) => l.ifname));
  const fdb = new Map<string, string>();
  for (const f of own.tables.fdb ?? []) {
    if (f.dst === undefined) continue;
    const key = `${f.dev} ${f.mac}`;
    const said = f.via === undefined && f.vni === undefined && f.port === undefined ? f.dst : JSON.stringify([f.dst, f.via, f.vni, f.port]);
    fdb.set(key, fdb.has(key) ? `${fdb.get(key)} ${said}` : said);
  }
  const named = firewallNames(own);
  const shape = (found: Lookup, peer: Peer): string => {
    if (found.kind !== 'route') return `${found.kind} ${'rule' in found ? found.rule?.priority : ''} ${'how' in found ? found.how : ''}`;
    const {route, rule, legs} = found;
    const via = legs.map((leg) => `${leg.dev} ${relative(leg.gateway, peer)} ${leg.alive}`).join();
    return `${rule?.priority} ${route.table} ${route.type} ${route.dst === peer.subnet ? '=' : route.dst} ${via} ${route.metrics?.['mtu']}`;
  };
  const wire = (found: Lookup, peer: Peer, dst: Ip): string => {
    const leg = found.kind === 'route' && found.route.type === 'unicast' ? found.legs[0] : undefined;
    const row = leg && neigh.get(`${leg.dev} ${leg.gateway ?? dst}`);
    const fixed = row?.state.some((s) => s === 'PERMANENT' || s === 'NOARP') === true;
    return fixed ? `fixed ${row.lladdr} ${peer.node}` : '';
  };
  return (peer) => {
    const inner = lookup(own, {dst: peer.pod, src: self, iif: bridge});
    const outer = lookup(own, {dst: peer.public});
    const leg = inner.kind === 'route' ? inner.legs[0] : undefined;
    let key = `${shape(inner, peer)} | ${shape(outer, peer)} ${wire(outer, peer, peer.public)} | ${named(peer)}`;
    if (leg?.dev === undefined || !tunnels.has(leg.dev)) return {key: `${key} ${wire(inner, peer, peer.pod)}`, mac: undefined};
    const row = neigh.get(`${leg.dev} ${leg.gateway ?? peer.pod}`);
    const mac = row?.lladdr;
    key += ` | ${mac === undefined ? 'none' : mac === peer.mac ? '=' : `${mac} ${peer.node}`} ${row?.state.join()}`;
    if (mac === undefined) return {key, mac};
    const ends = fdb.get(`${leg.dev} ${mac}`) ?? 'none';
    return {key: `${key} ${ends === peer.public ? '=' : ends === 'none' ? 'none' : `${ends} ${peer.node}`}`, mac};
  };
}

const relative = (gateway: Ip | undefined, peer: Peer): string =>
  gateway === undefined ? '-' : gateway === baseOf(peer.subnet) ? 'base' : gateway === peer.public ? 'public' : gateway;

const namesOf = new WeakMap<NodeState['netfilter'], (peer: Peer) => string>();

/** A plan is proven on many states of a node that differ in everything but the firewall. */
function firewallNames(own: NodeState): (peer: Peer) => string {
  let known = namesOf.get(own.netfilter);
  if (!known) {
    known = readFirewallNames(own);
    namesOf.set(own.netfilter, known);
  }
  return known;
}

/** The prefixes that the firewall names and a peer's addresses are in. A range of addresses makes every peer a class of its own. */
function readFirewallNames(own: NodeState): (peer: Peer) => string {
  const said = new Set<string>();
  let ranged = false;
  const collect = (value: unknown): void => {
    if (typeof value === 'string') {
      if (value.includes('--src-range') || value.includes('--dst-range')) ranged = true;
      for (const word of value.split(/[\s,]+/)) if (/[.:]/.test(word) && /^[\da-f.:/]+$/i.test(word)) said.add(word);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    if (value instanceof Map) {
      for (const item of value.values()) collect(item);
      return;
    }
    const {addr, len, range} = value as {addr?: unknown; len?: unknown; range?: unknown};
    if (Array.isArray(range) && typeof range[0] === 'string' && tryIp(range[0]) !== undefined) ranged = true;
    if (typeof addr === 'string' && typeof len === 'number') said.add(`${addr}/${len}`);
    for (const item of Object.values(value)) collect(item);
  };
  collect(own.netfilter[4]);
  collect(own.netfilter[6]);
  const index = new PrefixIndex<string>();
  for (const text of said) {
    const ip = tryIp(text);
    const prefix =
      ip === undefined ? (text.includes('/') ? tryPrefix(text) : undefined) : (`${ip}/${familyOf(ip) === 4 ? 32 : 128}` as Prefix);
    if (prefix !== undefined) index.add(prefix, prefix);
  }
  const over = (address: Ip): string => [...index.covering(address)].map((group) => group[0]).join();
  return (peer) => (ranged ? peer.node : `${over(peer.pod)} ${over(peer.public)}`);
}
