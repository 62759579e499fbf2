import {type Leg, type Lookup, lookup} from '../forwarding/lookup.js';
import {sourceFor as chosenSource} from '../forwarding/source.js';
import type {Route} from '../kernel/route.js';
import {familyOf, type Ip} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {looked} from '../node/state.js';
import {admission} from './admission.js';
import {leave, type Nexthop, type Physdev} from './leave.js';
import {isLocal, sourceFor} from './local.js';
import {type Hooked, throughHook} from './netfilter.js';
import {type InFlight, type Probe, selectors, shownPacket, UNLISTED, withPort} from './packet.js';
import {barredIn} from './policy.js';
import {doubt, type End, ended, everyLeg, row, say, type Trip} from './trip.js';
import {decapsulate} from './tunnels.js';
import {type Place, placeName} from './world.js';

/** What one namespace does with a packet: what it sends itself, and what comes in. Order and checks are the kernel's (ip_input.c, ip_forward.c, ip_output.c). */

/** The addresses of a probe and the marks of a packet that just began. */
export function send(trip: Trip, place: Place, probe: Probe, reply: boolean): End {
  const chosen = probe.src ?? chosenSource(place.state, {dst: probe.dst});
  const src = chosen === 'unknown' || chosen === undefined ? impliedSource(trip, place, probe) : chosen;
  if (src === undefined)
    return ended(trip, place, 'send', 'no-route', `${placeName(place)} has no IPv${probe.family} address to send from`);
  const cuttable = reply && probe.proto === 'icmp' && probe.family === 4;
  const packet: InFlight = {...probe, src, mark: 0, ttl: 64, reply, cuttable};
  trip.sent = packet;
  say(trip, place, 'send', shownPacket(packet), {certainty: place.inferred || src === UNLISTED ? 'inferred' : 'observed'});
  if (src === UNLISTED) doubt(trip, `which address ${placeName(place)} sends from was not listed`);
  return output(trip, place, packet);
}

/**
 * By the addresses that are known: where none was printed of the device that it leaves by, that of the node as others have it, but not one of
 * another device that was.
 */
function impliedSource({world}: Trip, place: Place, {family, dst}: Probe): Ip | undefined {
  const dev = wayOut(place, dst);
  const src = sourceFor(place, family, dev, dst);
  if (family === 6 || dev === undefined || looked(place.state, 'address')) return src;
  if (place.state.tables.address?.some((a) => a.family === family && a.dev === dev)) return src;
  const member = place.pod === undefined ? world.cluster.members.find((m) => m.name === place.node) : undefined;
  const own = dev === member?.uplink?.name ? (member.lease?.publicIP ?? member.addresses?.find((a) => familyOf(a) === family)) : undefined;
  return own ?? UNLISTED;
}

/** The device that the packet would leave by. */
function wayOut(place: Place, dst: Ip): string | undefined {
  const found = lookup(place.state, {dst});
  return found.kind === 'route' ? found.legs[0]?.dev : undefined;
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
  return hooked.end ?? deliver(trip, place, 'lo', hooked.packet);
}

/** A packet that came in by a device of this namespace and is for it to judge. `physin`: the bridge port, when br_netfilter shows it. */
export function input(trip: Trip, place: Place, iif: string, packet: InFlight, physin?: string): End {
  if (packet.ttl <= 0 || trip.steps.length > 400)
    return ended(trip, place, 'receive', 'looped', 'it goes round in circles until its TTL ends');
  const physdev: Physdev = physin === undefined ? false : {in: physin};
  if (packet.src === UNLISTED) return ended(trip, place, 'receive', 'unknown', 'the address that it comes from was not listed');
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
    return hooked.end ?? barredIn(trip, place, 'in', hooked.packet) ?? deliver(trip, place, iif, hooked.packet);
  }
  if (place.pod !== undefined)
    return ended(trip, place, 'receive', 'no-listener', `${placeName(place)} does not have the address ${packet.dst}`);
  const chosen = routed(trip, place, packet, found);
  if ('end' in chosen) return chosen.end;
  if (chosen.route.type !== 'unicast')
    return ended(trip, place, 'route', 'no-listener', `${packet.dst} is a ${chosen.route.type} address on ${place.node}`, {
      evidence: row(place, 'route', chosen.route),
    });
  const barred = barredIn(trip, place, 'fwd', packet);
  if (barred) return barred;
  const {came: _, ...rest} = packet;
  const onward = {...rest, ttl: packet.ttl - 1};
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
  if (isAbridged(place, route))
    say(trip, place, 'route', `no listed route leads to ${route.gateway} itself: some were left out, and a nearer one may be among them`, {
      certainty: 'inferred',
    });
  return {route, legs: found.legs};
}

/** The kernel takes no gateway that it has no way to; with the devices unread, rows that a listing leaves out are likelier than their removal. */
function isAbridged(place: Place, {gateway, dev, flags, family}: Route): boolean {
  if (gateway === undefined || looked(place.state, 'link') || flags.includes('onlink') || familyOf(gateway) !== family) return false;
  return !place.state.tables.route?.some(
    (r) => r.gateway === undefined && r.dev === dev && r.family === family && contains(r.dst, gateway),
  );
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

function deliver(trip: Trip, place: Place, iif: string, packet: InFlight): End {
  if (packet.inner) return decapsulate(trip, place, iif, packet, packet.inner);
  // A route that says `local` outside of table local takes in what is for others; the kernel answers from none but its own addresses (__ip_dev_find).
  if (packet.family === 4 && isLocal(place, packet.dst) === false)
    return ended(
      trip,
      place,
      'deliver',
      'no-listener',
      `${placeName(place)} takes the packet for its own and does not have ${packet.dst}: nothing there answers`,
    );
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
