import {type Leg, type Lookup, lookup} from '../forwarding/lookup.js';
import {deviceMtu} from '../forwarding/route-mtu.js';
import {sourceFor as chosenSource} from '../forwarding/source.js';
import type {Link} from '../kernel/link.js';
import type {Route} from '../kernel/route.js';
import type {Ip} from '../net/address.js';
import {admission} from './admission.js';
import {isLocal, sourceFor} from './local.js';
import {neighbour} from './neighbour.js';
import {type Hooked, throughHook} from './netfilter.js';
import {type InFlight, type Probe, selectors, shownPacket, withPort} from './packet.js';
import {transmit} from './transmit.js';
import {type End, ended, everyLeg, row, say, type Trip} from './trip.js';
import {decapsulate} from './vxlan.js';
import {isUp, linkOf, type Place, placeName} from './world.js';

/** What one namespace does with a packet: what it sends itself, and what comes in. Order and checks are the kernel's (ip_input.c, ip_forward.c, ip_output.c). */

type Physdev = {readonly in?: string; readonly out?: string} | false;

/** The addresses of a probe and the marks of a packet that just began. */
export function send(trip: Trip, place: Place, probe: Probe, reply: boolean): End {
  const chosen = probe.src ?? chosenSource(place.state, {dst: probe.dst});
  const src = chosen === 'unknown' || chosen === undefined ? sourceFor(place, probe.family, undefined, probe.dst) : chosen;
  if (src === undefined)
    return ended(trip, place, 'send', 'no-route', `${placeName(place)} has no IPv${probe.family} address to send from`);
  const cuttable = reply && probe.proto === 'icmp' && probe.family === 4;
  const packet: InFlight = {...probe, src, mark: 0, ttl: 64, reply, cuttable};
  trip.sent = packet;
  say(trip, place, 'send', shownPacket(packet), {certainty: place.inferred ? 'inferred' : 'observed'});
  return output(trip, place, packet);
}

/** What the namespace sends itself, a tunnel's packet too (`oif`: the tunnel's lower device). */
export function output(trip: Trip, place: Place, packet: InFlight, oif?: string): End {
  const query = {...selectors(packet), ...(oif !== undefined && {oif})};
  const found = lookup(place.state, query);
  const chosen = routed(trip, place, packet, found);
  if ('end' in chosen) return chosen.end;
  const {route} = chosen;
  if (route.type === 'local') {
    const hooked = throughHook(trip, place, 'output', packet, {oif: 'lo'});
    if (hooked.end) return hooked.end;
    return moved(packet, hooked.packet) ? rerouted(trip, place, hooked.packet) : loopback(trip, place, hooked.packet);
  }
  return legs(trip, place, chosen, packet.dst, (leg, hop) => {
    const hooked = throughHook(leg, place, 'output', packet, {oif: hop.dev});
    if (hooked.end) return hooked.end;
    if (moved(packet, hooked.packet)) return rerouted(leg, place, hooked.packet);
    return leave(leg, place, hop, hooked.packet, {iif: undefined});
  });
}

/** The kernel asks for the route again when OUTPUT changed what the route hangs on; the hook is not passed twice (ip_route_me_harder). */
const moved = (before: InFlight, now: InFlight): boolean => before.dst !== now.dst || before.mark !== now.mark;

function rerouted(trip: Trip, place: Place, packet: InFlight): End {
  const chosen = routed(trip, place, packet, lookup(place.state, selectors(packet)));
  if ('end' in chosen) return chosen.end;
  if (chosen.route.type === 'local') return loopback(trip, place, packet);
  return legs(trip, place, chosen, packet.dst, (leg, hop) => leave(leg, place, hop, packet, {iif: undefined}));
}

/** From itself to itself: out by lo and in again. */
function loopback(trip: Trip, place: Place, packet: InFlight): End {
  let hooked: Hooked = throughHook(trip, place, 'postrouting', packet, {oif: 'lo'});
  for (const hook of ['prerouting', 'input'] as const) if (!hooked.end) hooked = throughHook(trip, place, hook, hooked.packet, {iif: 'lo'});
  return hooked.end ?? deliver(trip, place, hooked.packet);
}

/** A packet that came in by a device of this namespace and is for it to judge. `physin`: the bridge port, when br_netfilter shows it. */
export function input(trip: Trip, place: Place, iif: string, packet: InFlight, physin?: string): End {
  if (packet.ttl <= 0 || trip.steps.length > 400)
    return ended(trip, place, 'receive', 'looped', 'it goes round in circles until its TTL ends');
  const physdev: Physdev = physin === undefined ? false : {in: physin};
  const pre = throughHook(trip, place, 'prerouting', packet, {iif, physdev});
  if (pre.end) return pre.end;
  return routeIn(trip, place, iif, pre.packet, physdev);
}

/** Behind PREROUTING: to this namespace itself, or on its way through. */
export function routeIn(trip: Trip, place: Place, iif: string, packet: InFlight, physdev: Physdev): End {
  const admitted = admission(trip, place, iif, packet);
  if ('end' in admitted) return admitted.end;
  const {found} = admitted;
  if (found.kind === 'route' && (found.route.type === 'local' || found.route.type === 'anycast')) {
    const hooked = throughHook(trip, place, 'input', packet, {iif, physdev});
    return hooked.end ?? deliver(trip, place, hooked.packet);
  }
  if (place.pod !== undefined)
    return ended(trip, place, 'receive', 'no-listener', `${placeName(place)} does not have the address ${packet.dst}`);
  const chosen = routed(trip, place, packet, found);
  if ('end' in chosen) return chosen.end;
  if (chosen.route.type !== 'unicast')
    return ended(trip, place, 'route', 'no-listener', `${packet.dst} is a ${chosen.route.type} address on ${place.node}`, {
      evidence: row(place, 'route', chosen.route),
    });
  const onward = {...packet, ttl: packet.ttl - 1};
  return legs(trip, place, chosen, packet.dst, (leg, hop) => leave(leg, place, hop, onward, {iif, physdev}));
}

/** Says which rule and route decide, or ends the way where none does. */
function routed(
  trip: Trip,
  place: Place,
  packet: InFlight,
  found: Lookup,
): {readonly route: Route; readonly legs: readonly Leg[]} | {readonly end: End} {
  if (found.kind === 'unknown')
    return {end: ended(trip, place, 'route', 'unknown', `the routing of ${placeName(place)} cannot be judged: ${found.why}`)};
  if (found.kind === 'no-route') return {end: ended(trip, place, 'route', 'no-route', `${placeName(place)} has no route to ${packet.dst}`)};
  const ours = found.rule !== undefined && ![0, 32766, 32767].includes(found.rule.priority);
  if (ours) say(trip, place, 'rule', `policy rule ${found.rule!.priority} decides`, {evidence: row(place, 'rule', found.rule!)});
  if (found.kind === 'refused') {
    const evidence = found.route ? row(place, 'route', found.route) : [];
    return {end: ended(trip, place, 'route', 'refused', `${placeName(place)} refuses ${packet.dst}: ${found.how}`, {evidence})};
  }
  const {route} = found;
  if (route.type !== 'local' || route.origin)
    say(trip, place, 'route', route.type === 'local' ? 'its own address' : 'route', {evidence: row(place, 'route', route), dev: route.dev});
  return {route, legs: found.legs};
}

interface Nexthop {
  readonly dev: string | undefined;
  readonly gateway: Ip | undefined;
  readonly mtu: number | undefined;
}

/** Every leg that a flow may be given to. */
function legs(
  trip: Trip,
  place: Place,
  chosen: {readonly route: Route; readonly legs: readonly Leg[]},
  dst: Ip,
  go: (leg: Trip, hop: Nexthop) => End,
): End {
  const mtu = chosen.route.metrics?.['mtu'];
  const hops = chosen.legs.filter((leg) => leg.alive).map(({dev, gateway}): Nexthop => ({dev, gateway, mtu}));
  if (hops.length === 0 || hops.some((h) => h.dev === undefined))
    return ended(trip, place, 'route', 'unknown', `the next hops of the route to ${dst} were not printed`, {
      evidence: row(place, 'route', chosen.route),
    });
  return everyLeg(trip, hops, (h) => [h.gateway, h.dev].filter(Boolean).join(' on '), go);
}

/** Out by a device: its MTU, FORWARD for what came in, POSTROUTING, the neighbour, and on to the link. */
function leave(
  trip: Trip,
  place: Place,
  hop: Nexthop,
  packet: InFlight,
  from: {readonly iif: string | undefined; readonly physdev?: Physdev},
): End {
  const link = linkOf(place, hop.dev);
  if (!link) {
    return place.state.tables.link === undefined
      ? ended(trip, place, 'link', 'unknown', `the devices of ${placeName(place)} were not read`)
      : ended(trip, place, 'link', 'device-down', `${placeName(place)} has no device ${hop.dev}`);
  }
  let hooked: Hooked = fitted(trip, place, link, hop.mtu ?? deviceMtu(place.state, packet.family, link.ifname) ?? 0, packet);
  if (hooked.end) return hooked.end;
  const physdev = from.physdev ?? false;
  const nexthop = hop.gateway ?? packet.dst;
  if (from.iif !== undefined) hooked = throughHook(trip, place, 'forward', hooked.packet, {iif: from.iif, oif: link.ifname, physdev});
  if (hooked.end) return hooked.end;
  hooked = throughHook(trip, place, 'postrouting', hooked.packet, {iif: from.iif, oif: link.ifname, physdev, nexthop});
  if (hooked.end) return hooked.end;
  if (!isUp(link))
    return ended(trip, place, 'link', 'device-down', `${link.ifname} of ${placeName(place)} is down`, {
      dev: link.ifname,
      evidence: row(place, 'link', link),
    });
  if (link.address === undefined && link.ifname !== 'lo')
    return ended(
      trip,
      place,
      'link',
      'unknown',
      `where ${link.ifname} (${link.kind ?? 'a device without hardware address'}) leads cannot be seen`,
      {evidence: row(place, 'link', link)},
    );
  const next = neighbour(trip.world, place, link, nexthop, hooked.packet);
  if (next.kind === 'needs') return {disposition: 'unknown', because: `${next.node} was not read yet`, needs: next.node};
  if (next.kind === 'none') {
    if (place.state.tables.neigh === undefined && link.kind === 'vxlan')
      return ended(trip, place, 'neighbour', 'unknown', `the neighbours of ${placeName(place)} were not read`);
    return ended(trip, place, 'neighbour', 'no-neighbour', next.why, {
      dev: link.ifname,
      evidence: next.row ? row(place, 'neigh', next.row) : [],
    });
  }
  const holder =
    next.kind === 'mac' && next.owner
      ? `${nexthop} is ${placeName(next.owner.place)}, ${next.mac}`
      : `${nexthop} is ${next.mac ?? 'no node, and nobody has asked for its hardware address yet'}`;
  say(trip, place, 'neighbour', holder, {
    dev: link.ifname,
    evidence: next.row ? row(place, 'neigh', next.row) : [],
    // Where no row is there yet, the owner of the address was gathered and answers: that is seen, not guessed.
    certainty: next.kind === 'stranger' ? 'inferred' : 'observed',
  });
  return transmit(trip, place, link, next, nexthop, hooked.packet);
}

/** The packet as it gets out of a device: whole, in fragments where it may be cut, or not at all. */
function fitted(trip: Trip, place: Place, link: Link, mtu: number, packet: InFlight): Hooked {
  if (mtu === 0) return {packet};
  if (!packet.cuttable) trip.limit = Math.min(trip.limit, mtu - trip.overhead);
  if (packet.size <= mtu) return {packet};
  const said = {dev: link.ifname, evidence: row(place, 'link', link)};
  if (packet.cuttable) {
    say(trip, place, 'link', `${packet.size} bytes leave ${link.ifname} in fragments of ${mtu}`, said);
    return {packet: {...packet, size: mtu}};
  }
  const because = `${packet.size} bytes do not fit the MTU ${mtu} of ${link.ifname} on ${placeName(place)}`;
  return {end: ended(trip, place, 'link', 'too-big', because, said)};
}

function deliver(trip: Trip, place: Place, packet: InFlight): End {
  if (packet.inner) return decapsulate(trip, place, packet, packet.inner);
  // What rules sent on to somebody else is meant for that one.
  const meant = trip.asked !== undefined || trip.sent === undefined || trip.sent.dst === packet.dst;
  const wrong = trip.target !== undefined && meant && (trip.target.node !== place.node || trip.target.pod !== place.pod);
  if (wrong)
    return ended(
      trip,
      place,
      'deliver',
      'no-listener',
      `${placeName(place)} has ${packet.dst} too and takes the packet; it does not arrive at ${placeName(trip.target)}`,
    );
  const {asked} = trip;
  if (asked !== undefined && (packet.src !== asked.dst || packet.sport !== asked.dport || packet.dport !== asked.sport))
    return ended(
      trip,
      place,
      'deliver',
      'no-listener',
      `the answer comes from ${withPort(packet.src, packet.sport)}, and ${placeName(place)} asked ${withPort(asked.dst, asked.dport)}: nothing there takes it`,
    );
  say(trip, place, 'deliver', `${placeName(place)} has ${packet.dst}`, {
    certainty: place.inferred ? 'inferred' : isLocal(place, packet.dst) === undefined ? 'inferred' : 'observed',
  });
  return {disposition: 'delivered', because: `it reaches ${placeName(place)}`, packet, place};
}
