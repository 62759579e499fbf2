import {lookup} from '../forwarding/lookup.js';
import {sourceFor as chosenSource} from '../forwarding/source.js';
import type {Link} from '../kernel/link.js';
import {shownEndpoint, type WgPeer} from '../kernel/wg.js';
import {familyOf, type Ip} from '../net/address.js';
import {contains, lengthOf} from '../net/prefix.js';
import {sourceFor} from './local.js';
import {input, output} from './namespace.js';
import {type InFlight, type Inner, selectors} from './packet.js';
import {tap} from './tap.js';
import {adopt, doubt, type End, ended, fork, row, say, type Trip} from './trip.js';
import {sendable} from './tunnel-source.js';
import type {Place} from './world.js';

/** What WireGuard adds: outer IP 20 or 40, UDP 8, its own header 16 and the tag 16; bytes. Packets are padded to 16 as well. */
export const overheadOf = {4: 60, 6: 80} as const;

type Carried = Extract<Inner, {via: 'wireguard'}>;

/** Keys that were agreed on are not used longer (REJECT_AFTER_TIME); seconds. */
const KEY_LIFE = 180;
/** IP packet of a handshake's messages, without the IP header: UDP 8 and 148 or 92. */
const RESPONSE = 100;

/** The peer that an address belongs to: the longest prefix in the allowed-ips of all peers of the device (wg_allowedips_lookup_dst). */
export function peerFor(peers: readonly WgPeer[], dev: string, address: Ip): WgPeer | undefined {
  let best: {readonly peer: WgPeer; readonly bits: number} | undefined;
  for (const peer of peers)
    if (peer.dev === dev)
      for (const prefix of peer.allowedIPs)
        if (contains(prefix, address) && lengthOf(prefix) > (best?.bits ?? -1)) best = {peer, bits: lengthOf(prefix)};
  return best?.peer;
}

/** The packet grows to a multiple of 16, but not beyond the MTU (wg_packet_encrypt). */
const padded = (size: number, mtu: number): number => Math.max(size, Math.min(mtu || Number.MAX_SAFE_INTEGER, Math.ceil(size / 16) * 16));

const shortKey = (key: string): string => `${key.slice(0, 8)}…`;
const ownKey = (link: Link): string | undefined => (typeof link.info?.['publicKey'] === 'string' ? link.info['publicKey'] : undefined);
const portOf = (link: Link): number | undefined => (typeof link.info?.['listenPort'] === 'number' ? link.info['listenPort'] : undefined);
const roamedKey = (place: Place, link: Link, key: string): string => `${place.node} ${link.ifname} ${key}`;

/** A packet given to a WireGuard device (wg_xmit): the peer that its destination belongs to, and where that peer is. */
export function encapsulate(trip: Trip, place: Place, link: Link, packet: InFlight): End {
  const {wg} = place.state.tables;
  const said = {dev: link.ifname, evidence: row(place, 'link', link)};
  const [key, port] = [ownKey(link), portOf(link)];
  if (wg === undefined || port === undefined)
    return ended(trip, place, 'peer', 'unknown', `the peers of ${link.ifname} on ${place.node} were not read (wg show all dump)`, said);
  const peer = peerFor(wg, link.ifname, packet.dst);
  if (!peer)
    return ended(trip, place, 'peer', 'no-peer', `no peer of ${link.ifname} on ${place.node} is allowed ${packet.dst}`, {
      dev: link.ifname,
      evidence: [
        {node: place.node, command: 'wg show all dump', lines: [`(no peer of ${link.ifname} with ${packet.dst} in its allowed-ips)`]},
      ],
    });
  const evidence = row(place, 'wg', peer);
  const endpoint = trip.roamed.get(roamedKey(place, link, peer.publicKey)) ?? peer.endpoint;
  if (!endpoint)
    return ended(
      trip,
      place,
      'peer',
      'no-peer',
      `peer ${shortKey(peer.publicKey)} has no endpoint, and nothing has come from it that would tell one`,
      {dev: link.ifname, evidence},
    );
  say(trip, place, 'peer', `${packet.dst} belongs to peer ${shortKey(peer.publicKey)} at ${shownEndpoint(endpoint)}`, {
    dev: link.ifname,
    evidence,
  });
  if (key === undefined) return ended(trip, place, 'encapsulate', 'wrong-key', `${link.ifname} of ${place.node} has no private key`, said);
  const session = sessionOf(place, peer);
  if (session === 'unanswered')
    doubt(trip, `${place.node} has sent to peer ${shortKey(peer.publicKey)} of ${link.ifname} and never had an answer: no handshake yet`);
  const family = familyOf(endpoint.address);
  const overhead = overheadOf[family];
  const outer = {
    ...begin(place, link, endpoint, padded(packet.size, link.mtu) + overhead),
    inner: {
      via: 'wireguard',
      packet,
      from: key,
      to: peer.publicKey,
      session: session === 'live' ? 'live' : 'none',
      preshared: peer.preshared === true,
    },
  } satisfies InFlight;
  const barred = sendable(trip, place, link, undefined, endpoint.address) ?? loops(trip, place, link, outer);
  if (barred) return barred;
  say(trip, place, 'encapsulate', `WireGuard: ${outer.src} → ${endpoint.address}, UDP ${endpoint.port}, ${overhead} bytes more`, said);
  trip.overhead += overhead;
  trip.wrapped = outer;
  return output(trip, place, outer);
}

/** The UDP packet that a device sends to an endpoint; the routes choose its source (send4, send6). It has no DF. */
function begin(place: Place, link: Link, {address, port}: NonNullable<WgPeer['endpoint']>, size: number): Omit<InFlight, 'inner'> {
  const family = familyOf(address);
  const mark = Number(link.info?.['fwmark'] ?? 0) || 0;
  const sport = portOf(link) ?? 0;
  const chosen = chosenSource(place.state, {dst: address, mark, ipproto: 'udp', sport, dport: port});
  const src =
    (chosen === 'unknown' ? undefined : chosen) ?? sourceFor(place, family, undefined, address) ?? (family === 4 ? '0.0.0.0' : '::');
  return {family, src, dst: address, proto: 'udp', sport, dport: port, size, mark, ttl: 64, reply: false, cuttable: true};
}

/** The kernel does not send a tunnel's packet into the tunnel itself. */
function loops(trip: Trip, place: Place, link: Link, outer: InFlight): End | undefined {
  const way = lookup(place.state, selectors(outer));
  if (way.kind !== 'route' || !way.legs.some(({dev}) => dev === link.ifname)) return undefined;
  return ended(trip, place, 'encapsulate', 'looped', `the route to ${outer.dst}, the peer's endpoint, leads into ${link.ifname} itself`, {
    dev: link.ifname,
    evidence: row(place, 'route', way.route),
  });
}

/** How far the two have come, by the node's own account; never having met is no fault as long as nobody has tried. */
function sessionOf({own}: Place, {latestHandshake, txBytes}: WgPeer): 'live' | 'old' | 'untried' | 'unanswered' {
  if (latestHandshake === undefined) return txBytes > 0 ? 'unanswered' : 'untried';
  const seen = own?.takenAt === undefined ? Number.NaN : Date.parse(own.takenAt) / 1000;
  // A handshake of the future tells of clocks, not of keys.
  return Math.abs(seen - latestHandshake) < KEY_LIFE ? 'live' : 'old';
}

/** UDP for this node that may be WireGuard's: the device with this port, its key, the peer's key, and whether that peer may send this. */
export function decapsulate(trip: Trip, place: Place, outer: InFlight, inner: Carried): End {
  if (inner.session === 'handshake') return {disposition: 'delivered', because: 'the handshake is answered', packet: outer, place};
  const devices = (place.state.tables.link ?? []).filter((l) => l.kind === 'wireguard');
  const here = devices.filter((l) => portOf(l) === outer.dport);
  const taken = here.find((l) => l.flags.includes('UP'));
  if (!taken) {
    const unread = devices.some((l) => portOf(l) === undefined);
    const [shown] = here.length > 0 ? here : devices;
    const why = unread
      ? `the ports of the WireGuard devices of ${place.node} were not read`
      : here[0]
        ? `${here[0].ifname} of ${place.node} is down, so nobody takes UDP ${outer.dport}`
        : `no WireGuard device of ${place.node} listens on UDP ${outer.dport}`;
    return ended(trip, place, 'decapsulate', unread ? 'unknown' : 'no-tunnel', why, {
      ...(shown && {dev: shown.ifname, evidence: row(place, 'link', shown)}),
    });
  }
  const {wg} = place.state.tables;
  const key = ownKey(taken);
  const said = {dev: taken.ifname, evidence: row(place, 'link', taken)};
  if (wg === undefined)
    return ended(trip, place, 'decapsulate', 'unknown', `the peers of ${taken.ifname} on ${place.node} were not read`, said);
  if (inner.to !== key) {
    const why = `it is encrypted for ${shortKey(inner.to)}, and ${taken.ifname} of ${place.node} is ${key === undefined ? 'without a key' : shortKey(key)}`;
    return ended(trip, place, 'decapsulate', 'wrong-key', why, said);
  }
  const peer = wg.find((p) => p.dev === taken.ifname && p.publicKey === inner.from);
  if (!peer)
    return ended(
      trip,
      place,
      'decapsulate',
      'wrong-key',
      `${taken.ifname} of ${place.node} has no peer with the key ${shortKey(inner.from)}, which it comes from`,
      said,
    );
  // Keys that one end has forgotten are of no use to the other, which asks for new ones within fifteen seconds.
  const unmet =
    inner.session === 'live' && sessionOf(place, peer) === 'live' ? undefined : handshake(trip, place, {link: taken, peer}, outer, inner);
  if (unmet) return unmet;
  trip.roamed.set(roamedKey(place, taken, inner.from), {address: outer.src, port: outer.sport ?? 0});
  trip.overhead -= overheadOf[outer.family];
  const allowed = peerFor(wg, taken.ifname, inner.packet.src);
  if (allowed?.publicKey !== inner.from) {
    const owner = allowed ? `belongs to peer ${shortKey(allowed.publicKey)}` : 'belongs to no peer';
    return ended(
      trip,
      place,
      'decapsulate',
      'not-allowed',
      `${inner.packet.src} ${owner} of ${taken.ifname} on ${place.node}, and it comes from ${shortKey(inner.from)}`,
      {dev: taken.ifname, evidence: [...row(place, 'wg', peer), ...(allowed ? row(place, 'wg', allowed) : [])]},
    );
  }
  tap(trip, place, taken.ifname, 'in', inner.packet);
  say(trip, place, 'decapsulate', `${taken.ifname} takes it from peer ${shortKey(inner.from)}`, {
    dev: taken.ifname,
    evidence: row(place, 'wg', peer),
  });
  return input(trip, place, taken.ifname, {...inner.packet, mark: 0});
}

/** Without keys nothing is sent: the answer of the handshake must come back too. Undefined when it does. */
function handshake(
  trip: Trip,
  place: Place,
  {link, peer}: {readonly link: Link; readonly peer: WgPeer},
  outer: InFlight,
  inner: Carried,
): End | undefined {
  if ((peer.preshared === true) !== inner.preshared) {
    const here = `${link.ifname} of ${place.node}`;
    const why = inner.preshared
      ? `the sender has a preshared key for it, and ${here} has none for peer ${shortKey(inner.from)}: they agree on no keys`
      : `${here} has a preshared key for peer ${shortKey(inner.from)}, and the sender has none: they agree on no keys`;
    return ended(trip, place, 'decapsulate', 'wrong-key', why, {dev: link.ifname, evidence: row(place, 'wg', peer)});
  }
  if (trip.alone) return undefined;
  const leg = fork(trip);
  const answer: InFlight = {
    ...begin(place, link, {address: outer.src, port: outer.sport ?? 0}, RESPONSE + (outer.family === 4 ? 20 : 40)),
    inner: {via: 'wireguard', packet: inner.packet, from: inner.to, to: inner.from, session: 'handshake', preshared: inner.preshared},
  };
  const end = output(leg, place, answer);
  if (end.disposition === 'delivered' && leg.doubts.length === trip.doubts.length) return undefined;
  if (end.needs !== undefined) return end;
  if (end.disposition === 'delivered') {
    trip.doubts = leg.doubts;
    return undefined;
  }
  adopt(trip, leg);
  return {...end, because: `the answer of the handshake does not come back: ${end.because}`};
}
