import {type FamilyLease, leaseOf} from '../flannel/lease.js';
import {lookup, type Query} from '../forwarding/lookup.js';
import {rulesCommented} from '../kernel/netfilter/chains.js';
import {type By, evaluateHook} from '../kernel/netfilter/evaluate.js';
import type {IptRule, Ruleset} from '../kernel/netfilter/iptables.js';
import type {Packet} from '../kernel/netfilter/packet.js';
import type {NodeView} from '../model/view.js';
import {addressOf, type Family, type Ip} from '../net/address.js';
import {partsOf} from '../net/prefix.js';
import {rowFor} from './pair.js';
import type {Evidence} from './rule.js';

/** Packets that a healthy node lets through, and what its firewall does with them. Several rules ask; the answers are kept per view. */

/** Peers whose flows are tried on one node. Rules that name one peer are rare, and a thousand evaluations on a thousand nodes are not cheap. */
const tried = 64;

/** An address of a subnet that is hardly any pod's, so that a rule for one pod (a NetworkPolicy) does not count: the last but one. */
export const unusedIn = (subnet: string): Ip => {
  const {last, first, family} = partsOf(subnet);
  return addressOf(last - first > 2n ? last - 1n : last, family);
};

const localAddresses = new WeakMap<NodeView, ReadonlySet<Ip>>();

/** Has the node this address? Undefined when its addresses were not read. */
export function localTo(view: NodeView): (address: Ip) => boolean | undefined {
  if (view.state.tables.address === undefined) return () => undefined;
  let known = localAddresses.get(view);
  if (!known) {
    known = new Set(view.state.tables.address.map((a) => a.local));
    localAddresses.set(view, known);
  }
  const set = known;
  return (address) => set.has(address);
}

/** The first packet of a TCP connection. */
export const opening = (view: NodeView, family: Family, parts: Pick<Packet, 'src' | 'dst' | 'iif' | 'oif'>): Packet => ({
  family,
  ...parts,
  proto: 'tcp',
  sport: 40_000,
  dport: 8080,
  tcpFlags: ['SYN'],
  mark: 0,
  ctmark: 0,
  ctstate: 'new',
  ctnat: {snat: false, dnat: false},
  physdev: false,
  isLocal: localTo(view),
});

/** A packet between a pod of this node and one of a peer, as this node forwards it. */
export interface Flow {
  readonly family: Family;
  readonly peer: FamilyLease;
  readonly direction: 'out' | 'in';
  readonly packet: Packet;
}

/**
 * The device where no row stands for the peer alone: one for all pods (udp, wireguard), or the way out (ipsec, alloc, a cloud's routes). Of
 * nodes without flannel the rules of their own modes ask.
 */
function ledOutBy({state, cluster}: NodeView, query: Query): string | undefined {
  if (cluster.mode?.foreign) return undefined;
  const found = lookup(state, query);
  return found.kind === 'route' && found.route.type === 'unicast' ? found.legs[0]?.dev : undefined;
}

/** Both directions of each pair, with the devices that the node's own routes name. */
export function* flows(view: NodeView): Generator<Flow> {
  const {self, peers, bridge, expected} = view;
  if (!self) return;
  for (const family of [4, 6] as const) {
    const mine = leaseOf(self, family);
    if (!mine) continue;
    const wanted = new Map((expected?.route ?? []).map((w) => [w.row.dst, w.row.dev]));
    for (const other of peers.slice(0, tried)) {
      const peer = leaseOf(other, family);
      if (!peer) continue;
      const [here, there] = [unusedIn(mine.subnet), unusedIn(peer.subnet)];
      const dev = rowFor(view, peer.subnet)?.dev ?? wanted.get(peer.subnet) ?? ledOutBy(view, {src: here, dst: there, iif: bridge});
      if (dev === undefined) continue;
      yield {family, peer, direction: 'out', packet: opening(view, family, {src: here, dst: there, iif: bridge, oif: dev})};
      yield {family, peer, direction: 'in', packet: opening(view, family, {src: there, dst: here, iif: dev, oif: bridge})};
    }
  }
}

/** Flows that one rule, or one chain's policy, stops. */
export interface Stopped {
  readonly family: Family;
  readonly how: 'drop' | 'reject';
  readonly by: By;
  readonly flows: readonly Flow[];
}

const stops = new WeakMap<NodeView, readonly Stopped[]>();

/** What the FORWARD hook stops of the traffic between pods, grouped by who stops it. Verdicts that are not certain are no verdicts. */
export function stoppedForwards(view: NodeView): readonly Stopped[] {
  const held = stops.get(view);
  if (held) return held;
  const groups = new Map<string, {family: Family; how: 'drop' | 'reject'; by: By; flows: Flow[]}>();
  for (const flow of flows(view)) {
    if (!readable(view, flow.family)) continue;
    const verdict = evaluateHook(view.state.netfilter[flow.family], 'forward', flow.packet);
    if ((verdict.verdict !== 'drop' && verdict.verdict !== 'reject') || !verdict.by) continue;
    const key = `${flow.family} ${verdict.by.command} ${verdict.by.line} ${verdict.by.text}`;
    const group = groups.get(key);
    if (group) group.flows.push(flow);
    else groups.set(key, {family: flow.family, how: verdict.verdict, by: verdict.by, flows: [flow]});
  }
  const made = [...groups.values()];
  stops.set(view, made);
  return made;
}

/** Were the iptables rules of the family read? What they drop is dropped whatever nft says; what they accept nft may still drop. */
export const readable = ({state}: NodeView, family: Family): boolean => state.netfilter.iptables.has(family);

/** Did a rule of native nft decide, or one that iptables wrote? Native tables carry their family in the name. */
export const isNative = (by: By): boolean => /^(ip6?|inet|arp|bridge|netdev) /.test(by.table);

/** flannel's own nft table, written with EnableNFTables. */
export const flannelTable = ({state}: NodeView, family: Family) =>
  state.netfilter[family].nft?.tables.find((t) => t.family === (family === 4 ? 'ip' : 'ip6') && t.name === `flannel-ipv${family}`);

export const rulesetsOf = ({state}: NodeView, family: Family): readonly Ruleset[] =>
  [state.netfilter[family].iptables, state.netfilter[family].iptablesLegacy].filter((r) => r !== undefined);

/** Rules flannel wrote, of any release since v0.16.2 (flannel-backends.md §6). */
export const flannelRules = (ruleset: Ruleset): readonly IptRule[] =>
  rulesCommented(ruleset, 'flanneld masq', 'flannel masq', 'flanneld forward');

/** The program that changes what this one listed: `iptables-legacy` of `iptables-legacy-save -c`. */
export const toolOf = (ruleset: Ruleset | undefined, family: Family): string =>
  /\b(ip6?tables(?:-nft|-legacy)?)-save\b/.exec(ruleset?.command ?? '')?.[1] ?? (family === 4 ? 'iptables' : 'ip6tables');

export const byEvidence = (node: string, by: By): Evidence => ({
  node,
  command: by.command,
  lines: [
    by.policy ? `:${by.chain} ${by.text.replace('policy ', '')} (table ${by.table})` : `table ${by.table}, chain ${by.chain}: ${by.text}`,
  ],
});

/** Which pods cannot talk because of it, in one phrase. */
export function cutByFirewall({name}: NodeView, {flows: found}: Stopped): string {
  const names = (direction: Flow['direction']) => [...new Set(found.filter((f) => f.direction === direction).map((f) => f.peer.node))];
  const [out, into] = [names('out'), names('in')];
  const list = (nodes: readonly string[]) => (nodes.length > 5 ? `${nodes.length} other nodes` : nodes.join(', '));
  return [
    ...(out.length > 0 ? [`pods of ${name} cannot open connections to pods of ${list(out)}`] : []),
    ...(into.length > 0 ? [`pods of ${list(into)} cannot open connections to pods of ${name}`] : []),
  ].join('; ');
}
