import {type By, evaluateHook} from '../kernel/netfilter/evaluate.js';
import type {Hook, Packet} from '../kernel/netfilter/packet.js';
import {type Ip, tryIp} from '../net/address.js';
import {isLocal, sourceFor} from './local.js';
import type {InFlight} from './packet.js';
import {doubt, type End, ended, say, type Trip} from './trip.js';
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
  const verdict = evaluateHook(own.netfilter[before.family], hook, asPacket(place, before, devices, conn.state));
  if (verdict.verdict === 'drop' || verdict.verdict === 'reject') {
    const because = `${placeName(place)} ${verdict.verdict === 'drop' ? 'drops' : 'rejects'} it in ${hook.toUpperCase()}: ${verdict.by?.text ?? 'a rule'}`;
    return {end: ended(trip, place, 'firewall', 'filtered', because, {evidence: byRule(place, verdict.by)})};
  }
  if (verdict.verdict === 'unknown') {
    const why = verdict.why ?? `rules that cannot be judged: ${verdict.unknowns.slice(0, 3).join('; ')}`;
    doubt(trip, `the firewall of ${place.node} in ${hook.toUpperCase()}: ${why}`);
    return {packet: undone(hook, before, conn)};
  }
  if (!own.netfilter.iptables.has(before.family) || !own.netfilter.nft)
    doubt(trip, `the firewall of ${place.node} was not read whole, so what ${hook.toUpperCase()} does is not certain`);
  if (verdict.by && !verdict.by.policy)
    say(trip, place, 'firewall', `${hook.toUpperCase()} accepts`, {evidence: byRule(place, verdict.by)});
  let packet = undone(hook, before, conn);
  if (verdict.mark !== 'unknown') packet = {...packet, mark: verdict.mark};
  else doubt(trip, `the mark that ${place.node} leaves on the packet is not certain`);
  if (packet !== before && (packet.src !== before.src || packet.dst !== before.dst))
    say(trip, place, 'nat', `connection tracking turns ${before.src} → ${before.dst} back into ${packet.src} → ${packet.dst}`);
  if (verdict.natChoices !== undefined) doubt(trip, `the NAT that ${place.node} does in ${hook.toUpperCase()} is not certain`);
  const nat = verdict.nat && translated(place, packet, verdict.nat, devices);
  if (!nat) {
    if (verdict.nat) doubt(trip, `what ${verdict.nat.rule} makes of the packet is not certain`);
    return {packet};
  }
  say(trip, place, 'nat', `${verdict.nat!.kind}: ${packet.src} → ${packet.dst} becomes ${nat.src} → ${nat.dst}`, {
    evidence: byRule(place, verdict.by),
  });
  if (conn.state === 'new' && packet.inner === undefined) {
    const known = trip.tracked.get(place.node)!;
    trip.tracked.set(place.node, {orig: known.orig, now: {src: nat.src, dst: nat.dst}});
  }
  return {packet: nat};
}

interface Connection {
  readonly state: 'new' | 'established' | 'invalid';
  /** What the reply's addresses were before this node's NAT. */
  readonly orig?: {readonly src: Ip; readonly dst: Ip};
}

/** Connection tracking as far as one flow needs it. A tunnel's packets are each the first of theirs. */
function track(trip: Trip, place: Place, packet: InFlight): Connection {
  if (packet.inner !== undefined) return {state: 'new'};
  const known = trip.tracked.get(place.node);
  if (!packet.reply) {
    if (!known) trip.tracked.set(place.node, {orig: {src: packet.src, dst: packet.dst}, now: {src: packet.src, dst: packet.dst}});
    return {state: 'new'};
  }
  const theirs = known && packet.src === known.now.dst && packet.dst === known.now.src;
  const back = known && packet.src === known.now.dst && packet.dst === known.orig.src;
  if (known && (theirs || back || (packet.src === known.orig.dst && packet.dst === known.orig.src)))
    return {state: 'established', orig: known.orig};
  // An answer to nothing this node has seen: UDP begins a connection with it, the others belong to none.
  return {state: packet.proto === 'udp' ? 'new' : 'invalid'};
}

/** The way back undoes what the way there did: the destination on the way in, the source on the way out. */
function undone(hook: Hook, packet: InFlight, {orig}: Connection): InFlight {
  if (orig === undefined) return packet;
  if (hook === 'prerouting' || hook === 'output') return {...packet, dst: orig.src};
  if (hook === 'postrouting' || hook === 'input') return {...packet, src: orig.dst};
  return packet;
}

function translated(
  place: Place,
  packet: InFlight,
  nat: {readonly kind: string; readonly to?: string},
  {oif, nexthop}: Devices,
): InFlight | undefined {
  if (nat.kind === 'masquerade') {
    const src = sourceFor(place, packet.family, oif, nexthop ?? packet.dst);
    return src === undefined ? undefined : {...packet, src};
  }
  const [, address = '', port] = /^\[?([0-9a-f.:]*?)\]?(?::(\d+))?$/i.exec(nat.to ?? '') ?? [];
  const to = tryIp(nat.to ?? '') ?? tryIp(address);
  if (nat.kind === 'snat') return to === undefined ? undefined : {...packet, src: to};
  if (nat.kind === 'dnat') {
    if (to === undefined) return undefined;
    return {...packet, dst: to, ...(tryIp(nat.to ?? '') === undefined && port !== undefined && {dport: Number(port)})};
  }
  return undefined;
}

const byRule = (place: Place, by: By | undefined) =>
  by === undefined ? [] : [{node: place.node, command: by.command, lines: [`table ${by.table}, chain ${by.chain}: ${by.text}`]}];

function asPacket(place: Place, packet: InFlight, {iif, oif, physdev}: Devices, ctstate: Packet['ctstate']): Packet {
  const six = packet.family === 6;
  return {
    family: packet.family,
    iif,
    oif,
    src: packet.src,
    dst: packet.dst,
    proto: packet.proto === 'icmp' && six ? 'icmpv6' : packet.proto,
    ...(packet.sport !== undefined && packet.proto !== 'icmp' && {sport: packet.sport}),
    ...(packet.dport !== undefined && packet.proto !== 'icmp' && {dport: packet.dport}),
    ...(packet.proto === 'icmp' && {icmpType: six ? (packet.reply ? 129 : 128) : packet.reply ? 0 : 8, icmpCode: 0}),
    ...(packet.proto === 'tcp' && {tcpFlags: packet.reply ? ['SYN', 'ACK'] : ['SYN']}),
    mark: packet.mark,
    ...(ctstate === 'new' && {ctmark: 0, ctnat: {snat: false, dnat: false}}),
    ctstate,
    physdev: physdev ?? false,
    isLocal: (address) => isLocal(place, address),
  };
}
