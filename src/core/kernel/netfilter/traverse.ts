import type {Ip} from '../../net/address.js';
import type {Nat, State} from './effect.js';
import {evaluateHook, type HookVerdict, type Rulesets} from './evaluate.js';
import type {Hook, Seen} from './packet.js';

/** Where the kernel sends a packet between two hooks: the answer of the node's routing, which netfilter does not know. No `oif`: as it was. */
export type Routed =
  | {readonly to: 'forward' | 'output'; readonly oif?: string | undefined}
  | {readonly to: 'input'}
  | {readonly to: 'nowhere'; readonly why: string}
  | {readonly to: 'unknown'; readonly why: string};

/** Addresses and ports of one direction, as on the wire. Undefined: not known (the port a masquerade picks). */
export interface Tuple {
  readonly src: Ip | undefined;
  readonly dst: Ip | undefined;
  readonly sport?: number | undefined;
  readonly dport?: number | undefined;
}

/** What conntrack keeps of a connection: both directions as they enter this node. They mirror each other where nothing is translated. */
export interface Connection {
  readonly original: Tuple;
  readonly reply: Tuple;
}

/** What the caller knows beside the rules. */
export interface Given {
  /**
   * The route for the packet as it is now. Asked once after PREROUTING (with the destination after DNAT) and after OUTPUT when that
   * changed the destination or the mark. Without it the path and `oif` given hold, and a packet whose destination moved is `unknown`.
   */
  readonly route?: (packet: Seen) => Routed;
  /** For `ctstate: 'established'`: the connection, and which way the packet goes. Without it nothing is translated. */
  readonly flow?: {readonly connection: Connection; readonly direction: 'original' | 'reply'};
}

export interface HookStep extends HookVerdict {
  readonly hook: Hook;
  /** The packet as it came to the hook. */
  readonly packet: Seen;
}

/** One way the packet can go. There are several where chance, or a rule that cannot be judged, picks the NAT (or the mark). */
export interface Way {
  /** `nowhere`: the rules let it pass, and the route callback had no place for it. */
  readonly verdict: HookVerdict['verdict'] | 'nowhere';
  readonly hooks: readonly HookStep[];
  readonly dnat?: Nat;
  readonly snat?: Nat;
  /** The packet where the way ended: as it leaves the node, as the socket gets it, or as it died. */
  readonly packet: Seen;
  /** What conntrack keeps for the reply; absent for untracked packets and those that did not get through. */
  readonly connection?: Connection;
  /** Rules that stand between this way and certainty. */
  readonly unknowns: readonly string[];
  readonly why?: string;
}

/**
 * The way that decides (the first that does not pass, else the first), and all of them. Ways that differ in passing and being stopped make the
 * verdict `unknown`.
 */
export interface Traversal extends Way {
  readonly ways: readonly Way[];
}

/** From where the packet starts: `output` from a local socket, the other two from a device. The routing callback can make one the other. */
export type Passage = 'forward' | 'input' | 'output';

/** Ways are told apart by state; more than a service with this many endpoints are not followed. */
const maxWays = 256;

/**
 * Sends one packet through all hooks of a node: PREROUTING, then INPUT or FORWARD and POSTROUTING; or OUTPUT and POSTROUTING. A new packet
 * meets the NAT rules; any other has the translation of its connection applied where the kernel does (destination at PREROUTING and OUTPUT,
 * source at POSTROUTING and INPUT; nf_nat_core.c), and NAT rules are skipped.
 * @param packet as it arrives (`iif`) or as the socket sent it (`oif`)
 */
export function traverse(rulesets: Rulesets, passage: Passage, packet: Seen, given: Given = {}): Traversal {
  const first: Way = {verdict: 'accept', hooks: [], packet: begun(packet, given), unknowns: []};
  const start: Hook = passage === 'output' ? 'output' : 'prerouting';
  const routed: Way[] = [];
  const ended: Way[] = [];
  const through = (way: Way, hook: Hook): readonly Way[] => {
    const ways = atOneHook(rulesets, hook, way, given);
    ended.push(...ways.filter((one) => one.verdict !== 'accept'));
    return ways.filter((one) => one.verdict === 'accept');
  };
  for (const way of through(first, start)) {
    const next = nextAfter(start, passage, first.packet, way.packet, given);
    if (next.to === 'nowhere') ended.push({...way, verdict: 'nowhere', why: next.why});
    else if (next.to === 'unknown') ended.push({...way, verdict: 'unknown', why: next.why});
    else if (next.to === 'input') routed.push(...through(way, 'input'));
    else {
      const out = {...way, packet: {...way.packet, oif: next.oif ?? way.packet.oif}};
      const passed = next.to === 'forward' ? through(oneHopOn(out), 'forward') : [out];
      routed.push(...passed.flatMap((one) => through(one, 'postrouting')));
    }
  }
  const passed = routed.map((way) => withConnection(way, first.packet, given));
  return decide([...ended, ...passed]);
}

/** A connection that begins has no NAT yet; one that is there has what its two tuples differ in. */
function begun(packet: Seen, {flow}: Given): Seen {
  if (packet.ctnat !== undefined) return packet;
  if (packet.ctstate === 'new') return {...packet, ctnat: {snat: false, dnat: false}};
  if (!flow) return packet;
  const {original, reply} = flow.connection;
  const differs = (a: unknown, b: unknown) => a !== undefined && b !== undefined && a !== b;
  return {
    ...packet,
    ctdir: flow.direction,
    ctnat: {
      snat: differs(original.src, reply.dst) || differs(original.sport, reply.dport),
      dnat: differs(original.dst, reply.src) || differs(original.dport, reply.sport),
    },
  };
}

/** ip_forward() counts the hop before it asks the FORWARD chains. */
const oneHopOn = (way: Way): Way => (way.packet.ttl === undefined ? way : {...way, packet: {...way.packet, ttl: way.packet.ttl - 1}});

function nextAfter(start: Hook, passage: Passage, before: Seen, now: Seen, {route}: Given): Routed {
  const moved = before.dst !== now.dst;
  if (now.dst === undefined) return {to: 'unknown', why: 'the address it is sent on to is not known'};
  if (start === 'prerouting') {
    if (route) return route(now);
    return moved ? {to: 'unknown', why: `no route was given for ${now.dst}`} : {to: passage};
  }
  // The kernel asks again only when something the route hangs on has changed (ip_route_me_harder).
  if (!moved && before.mark === now.mark) return {to: 'output'};
  if (route) return route(now);
  return moved ? {to: 'unknown', why: `no route was given for ${now.dst}`} : {to: 'output'};
}

function atOneHook(rulesets: Rulesets, hook: Hook, way: Way, given: Given): readonly Way[] {
  const {packet} = way;
  const {ways: states, ...verdict} = evaluateHook(rulesets, hook, packet, recordedAt(hook, packet, given));
  const hooks = [...way.hooks, {...verdict, hook, packet}];
  const unknowns = [...new Set([...way.unknowns, ...verdict.unknowns])];
  if (verdict.verdict !== 'accept')
    return [{...way, hooks, unknowns, verdict: verdict.verdict, ...(verdict.why === undefined ? {} : {why: verdict.why})}];
  if (states !== undefined && states.length > maxWays) {
    return [{...way, hooks, unknowns, verdict: 'unknown', why: `more than ${maxWays} ways to follow`}];
  }
  return (states ?? [verdict.after as State]).map((state) => behind({...way, hooks, unknowns}, hook, state));
}

/** The way after the hook, with the state it left in. */
function behind(way: Way, hook: Hook, {nat, ...state}: State): Way {
  const {packet} = way;
  if (nat === undefined) return {...way, packet: {...packet, ...state}};
  const source = hook === 'postrouting' || hook === 'input';
  return {...way, ...(source ? {snat: nat} : {dnat: nat}), packet: {...packet, ...state}};
}

/** What the connection's NAT writes into a packet at this hook: the mirror of what the other direction looks like on the wire. */
function recordedAt(hook: Hook, packet: Seen, {flow}: Given): Partial<State> | undefined {
  if (!flow || packet.ctstate === 'new' || packet.ctstate === 'untracked' || hook === 'forward') return undefined;
  const other = flow.direction === 'original' ? flow.connection.reply : flow.connection.original;
  return hook === 'prerouting' || hook === 'output' ? {dst: other.src, dport: other.sport} : {src: other.dst, sport: other.dport};
}

function withConnection(way: Way, first: Seen, {flow}: Given): Way {
  if (flow) return {...way, connection: flow.connection};
  const {packet} = way;
  if (packet.ctstate !== 'new') return way;
  const original = {src: first.src, dst: first.dst, sport: first.sport, dport: first.dport};
  return {...way, connection: {original, reply: {src: packet.dst, dst: packet.src, sport: packet.dport, dport: packet.sport}}};
}

function decide(ways: readonly Way[]): Traversal {
  const decider = ways.find((way) => way.verdict !== 'accept') ?? (ways[0] as Way);
  const kinds = new Set(ways.map((way) => way.verdict));
  const stopped = !kinds.has('accept') && !kinds.has('unknown');
  if (kinds.size === 1 || stopped) return {...decider, ways};
  const unknowns = [...new Set(ways.flatMap((way) => way.unknowns))];
  return {...decider, verdict: 'unknown', unknowns, ways};
}
