import {lookup} from '../forwarding/lookup.js';
import type {State} from '../kernel/netfilter/effect.js';
import {type By, evaluateHook, type HookVerdict} from '../kernel/netfilter/evaluate.js';
import type {Hook, Packet} from '../kernel/netfilter/packet.js';
import type {Family, Ip} from '../net/address.js';
import {isLocal, sourceFor} from './local.js';
import {type InFlight, protocolName, withPort} from './packet.js';
import {doubt, type End, ended, say, type Tracked, type Trip, type Tuple} from './trip.js';
import {type Place, placeName} from './world.js';

export interface Devices {
  readonly iif?: string | undefined;
  readonly oif?: string | undefined;
  /** Bridge ports, when br_netfilter shows them. */
  readonly physdev?: {readonly in?: string; readonly out?: string} | false;
  /** Where a masqueraded packet goes next: its new source is chosen by that. */
  readonly nexthop?: Ip | undefined;
}

/** The packet behind a hook, or its end there. */
export type Hooked = {readonly packet: InFlight; readonly end?: undefined} | {readonly end: End};

/** One netfilter hook of a node, with what connection tracking does there. Pods' own rules are not gathered: they let everything through. */
export function throughHook(trip: Trip, place: Place, hook: Hook, before: InFlight, devices: Devices): Hooked {
  const {own} = place;
  if (own === undefined) return {packet: before};
  const conn = track(trip, place, before);
  const recorded = conn.state === 'established' ? recordedAt(hook, conn.flow) : undefined;
  const verdict = evaluateHook(own.netfilter[before.family], hook, asPacket(place, before, devices, conn), recorded);
  const name = hook.toUpperCase();
  if (verdict.verdict === 'drop' || verdict.verdict === 'reject') {
    const because = `${placeName(place)} ${verdict.verdict === 'drop' ? 'drops' : 'rejects'} it in ${name}: ${verdict.by?.text ?? 'a rule'}`;
    return {end: ended(trip, place, 'firewall', 'filtered', because, {evidence: byRule(place, verdict.by)})};
  }
  if (verdict.verdict === 'unknown') {
    const why = verdict.why ?? `rules that cannot be judged: ${verdict.unknowns.slice(0, 3).join('; ')}`;
    doubt(trip, `the firewall of ${place.node} in ${name}: ${why}`);
    return {packet: {...before, ...known(recorded)}};
  }
  if (!own.netfilter.iptables.has(before.family) || !own.netfilter.nft)
    doubt(trip, `the firewall of ${place.node} was not read whole, so what ${name} does is not certain`);
  if (verdict.by && !verdict.by.policy) say(trip, place, 'firewall', `${name} accepts`, {evidence: byRule(place, verdict.by)});
  const state = chosen(trip, place, hook, verdict);
  if (state === undefined) return {packet: {...before, ...known(recorded)}};
  return {packet: changed(trip, place, hook, before, conn, state, verdict)};
}

/** The state behind the hook: where the rules leave several open, the one this walk takes. Undefined: none is taken. */
function chosen(trip: Trip, place: Place, hook: Hook, verdict: HookVerdict): State | undefined {
  const {ways = []} = verdict;
  // Ways that differ in the connection's mark alone look alike to everything but rules that ask for it.
  const [first] = ways;
  if (first === undefined) return verdict.after;
  if (verdict.mark !== 'unknown' && verdict.natChoices === undefined) return {...first, ctmark: undefined};
  if (trip.picks) return ways[trip.picks.take(ways.map(wayName), verdict.unknowns.every(byChance))];
  if (verdict.mark === 'unknown') doubt(trip, `the mark that ${place.node} leaves on the packet is not certain`);
  if (verdict.natChoices !== undefined) doubt(trip, `the NAT that ${place.node} does in ${hook.toUpperCase()} is not certain`);
  return undefined;
}

/** Matches that let each way happen at times: dice, and who came before. */
const byChance = (rule: string): boolean => /-m (statistic|recent) |numgen|jhash/.test(rule);

function wayName({nat, mark}: State): string {
  if (nat === undefined) return `no NAT${mark ? `, mark 0x${mark.toString(16)}` : ''}`;
  return `${nat.kind}${nat.to === undefined ? '' : ` to ${nat.to}`}`;
}

/** The packet as the rules (or, for an answer, connection tracking) left it. */
function changed(
  trip: Trip,
  place: Place,
  hook: Hook,
  before: InFlight,
  {state: ctstate, flow}: Connection,
  state: State,
  {by, ways}: HookVerdict,
): InFlight {
  const {src, dst, mark, nat, ctmark} = state;
  const several = ways?.length ?? 1;
  if (mark === undefined) doubt(trip, `the mark that ${place.node} leaves on the packet is not certain`);
  if (state.ctstate === 'untracked') doubt(trip, `${place.node} takes the packet from connection tracking, which is not followed`);
  const marked = mark === undefined ? before : {...before, mark};
  if (src === undefined || dst === undefined || (nat?.kind === 'dnat' && before.dport !== undefined && state.dport === undefined)) {
    doubt(trip, `what ${nat?.rule ?? `the NAT in ${hook.toUpperCase()}`} makes of the packet is not certain`);
    return marked;
  }
  // The port that a masqueraded connection gets is the one it had, as long as nobody else has it.
  const ports = {...known({sport: state.sport}), ...known({dport: state.dport})};
  const packet: InFlight = {...marked, ...(before.proto === 'icmp' ? {} : ports), src, dst};
  if (nat !== undefined)
    say(
      trip,
      place,
      'nat',
      `${nat.kind}: ${pair(before)} becomes ${pair(packet)}${several > 1 ? `, one of ${several} ways (each is walked)` : ''}`,
      {
        evidence:
          by?.text === nat.rule ? byRule(place, by) : [{node: place.node, command: natCommand(place, before.family), lines: [nat.rule]}],
      },
    );
  else if (pair(packet) !== pair(before)) say(trip, place, 'nat', `connection tracking turns ${pair(before)} back into ${pair(packet)}`);
  if (ctstate === 'new' && flow !== undefined && !before.reply)
    trip.tracked.set(connectionKey(place, flow.orig, before.inner), {...flow, now: tuple(packet), ctmark});
  return packet;
}

const pair = ({src, dst, dport, sport, proto}: InFlight): string =>
  proto === 'icmp' ? `${src} → ${dst}` : `${withPort(src, sport)} → ${withPort(dst, dport)}`;

const tuple = ({src, dst, sport, dport, proto}: InFlight): Tuple => ({src, dst, ...(proto !== 'icmp' && {sport, dport})});

/** Without the parts that are not known. */
const known = <T extends object>(parts: T | undefined): {readonly [K in keyof T]?: NonNullable<T[K]>} =>
  Object.fromEntries(Object.entries(parts ?? {}).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: NonNullable<T[K]>;
  };

interface Connection {
  readonly state: 'new' | 'established' | 'invalid';
  readonly flow?: Tracked;
}

/**
 * Connection tracking as far as one flow needs it. VXLAN's packets are each the first of theirs: every flow has a source port of its own.
 * What other tunnels send comes back the way it went, so the other end's packets belong to a connection once this end has sent one.
 */
function track(trip: Trip, place: Place, packet: InFlight): Connection {
  if (packet.inner?.via === 'vxlan') return {state: 'new'};
  if (packet.inner !== undefined) {
    const key = connectionKey(place, packet, packet.inner);
    for (const [other, flow] of trip.tracked)
      if (other.startsWith(`${place.node} ${packet.inner.via} `) && packet.src === flow.now.dst && packet.dst === flow.now.src)
        return {state: 'established', flow};
    const flow = trip.tracked.get(key) ?? {orig: tuple(packet), now: tuple(packet), ctmark: 0};
    trip.tracked.set(key, flow);
    return {state: 'new', flow};
  }
  const found = trip.tracked.get(place.node);
  if (!packet.reply) {
    const flow = found ?? {orig: tuple(packet), now: tuple(packet), ctmark: 0};
    trip.tracked.set(place.node, flow);
    return {state: 'new', flow};
  }
  const {orig, now} = found ?? {};
  const theirs = packet.src === now?.dst && packet.dst === now?.src;
  const back = packet.src === now?.dst && packet.dst === orig?.src;
  if (found && (theirs || back || (packet.src === orig?.dst && packet.dst === orig.src))) return {state: 'established', flow: found};
  // An answer to nothing this node has seen: UDP begins a connection with it, the others belong to none.
  return {state: packet.proto === 'udp' ? 'new' : 'invalid'};
}

/** A tunnel's packets have connections of their own. */
const connectionKey = ({node}: Place, {src, dst}: Pick<Tuple, 'src' | 'dst'>, inner: InFlight['inner']): string =>
  inner === undefined ? node : `${node} ${inner.via} ${src} ${dst}`;

/** The way back undoes what the way there did: the destination on the way in, the source on the way out. */
function recordedAt(hook: Hook, flow: Tracked | undefined): Partial<State> | undefined {
  if (flow === undefined || hook === 'forward') return undefined;
  const {orig} = flow;
  return hook === 'prerouting' || hook === 'output' ? {dst: orig.src, dport: orig.sport} : {src: orig.dst, sport: orig.dport};
}

/** What printed a rule that only one of the ways meets. */
const natCommand = ({own}: Place, family: Family): string =>
  own?.netfilter[family].iptables?.command ?? own?.netfilter[family].nft?.command ?? 'nft -j list ruleset';

const byRule = (place: Place, by: By | undefined) =>
  by === undefined ? [] : [{node: place.node, command: by.command, lines: [`table ${by.table}, chain ${by.chain}: ${by.text}`]}];

function asPacket(place: Place, packet: InFlight, {iif, oif, physdev, nexthop}: Devices, conn: Connection): Packet {
  const six = packet.family === 6;
  return {
    family: packet.family,
    iif,
    oif,
    src: packet.src,
    dst: packet.dst,
    proto: packet.proto === 'icmp' && six ? 'icmpv6' : protocolName(packet.proto, packet.family),
    ...(packet.sport !== undefined && packet.proto !== 'icmp' && {sport: packet.sport}),
    ...(packet.dport !== undefined && packet.proto !== 'icmp' && {dport: packet.dport}),
    ...(packet.proto === 'icmp' && {icmpType: six ? (packet.reply ? 129 : 128) : packet.reply ? 0 : 8, icmpCode: 0}),
    ...(packet.proto === 'tcp' && {tcpFlags: packet.reply ? ['SYN', 'ACK'] : ['SYN']}),
    mark: packet.mark,
    ...connectionOf(conn),
    ttl: packet.ttl,
    pkttype: 'unicast',
    physdev: physdev ?? false,
    isLocal: (address) => isLocal(place, address),
    addressOf: (device) => sourceFor(place, packet.family, device, device === oif ? (nexthop ?? packet.dst) : packet.src),
    reversePath: () => reversePath(place, packet, iif),
  };
}

function connectionOf({state, flow}: Connection): Pick<Packet, 'ctstate' | 'ctmark' | 'ctnat' | 'ctdir'> {
  if (state === 'invalid') return {ctstate: state};
  const {orig, now} = flow ?? {};
  const ctnat = {
    snat: orig?.src !== now?.src || orig?.sport !== now?.sport,
    dnat: orig?.dst !== now?.dst || orig?.dport !== now?.dport,
  };
  if (state === 'new') return {ctstate: state, ctmark: flow === undefined ? 0 : flow.ctmark, ctnat};
  return {ctstate: state, ctmark: flow?.ctmark, ctnat, ctdir: 'reply'};
}

/** Does the way back to the source lead through the device it came in by (nft_fib4_eval, nft_fib6_eval)? Undefined: it cannot be said. */
function reversePath(place: Place, {family, src, dst, mark}: InFlight, iif: string | undefined): boolean | undefined {
  if (iif === undefined || iif === 'lo') return iif === 'lo' ? true : undefined;
  const asked = (by: number): boolean | undefined => {
    const back = lookup(place.state, {dst: src, src: dst, mark: by, ...(family === 6 && {oif: iif})});
    if (back.kind === 'unknown') return undefined;
    return back.kind === 'route' && back.route.type !== 'local' && back.route.type !== 'anycast' && back.legs.some(({dev}) => dev === iif);
  };
  // Only some rules take the mark into account.
  const [plain, marked] = [asked(0), mark === 0 ? undefined : asked(mark)];
  return mark === 0 || plain === marked ? plain : undefined;
}
