import {deviceMtu} from '../forwarding/route-mtu.js';
import type {Link} from '../kernel/link.js';
import type {XfrmPolicy, XfrmState} from '../kernel/xfrm.js';
import type {Ip} from '../net/address.js';
import {associationFor, encapsulate, roomIn} from './esp.js';
import {isFabric} from './fabric/owner.js';
import {type Neighbour, neighbour} from './neighbour.js';
import {type Hooked, throughHook} from './netfilter.js';
import {type InFlight, shownMac, UNREAD_MAC} from './packet.js';
import {policyOut} from './policy.js';
import type {Certainty} from './step.js';
import {tap} from './tap.js';
import {transmit} from './transmit.js';
import {type End, ended, row, say, type Trip} from './trip.js';
import {encapsulatorOf} from './tunnels.js';
import {isUp, linkOf, type Place, placeName} from './world.js';

/** Bridge ports, when br_netfilter shows them. */
export type Physdev = {readonly in?: string; readonly out?: string} | false;

export interface Nexthop {
  readonly dev: string | undefined;
  readonly gateway: Ip | undefined;
  readonly mtu: number | undefined;
}

/** Out by a device: its MTU, FORWARD for what came in, POSTROUTING, the neighbour, and on to the link. */
export function leave(
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
  const asked = secured(trip, place, packet);
  if ('end' in asked) return asked.end;
  const mtu = hop.mtu ?? deviceMtu(place.state, packet.family, link.ifname) ?? 0;
  let hooked: Hooked = fitted(trip, place, link, asked.state && mtu > 0 ? Math.min(mtu, roomIn(place, asked.state) ?? mtu) : mtu, packet);
  if (hooked.end) return hooked.end;
  const physdev = from.physdev ?? false;
  const nexthop = hop.gateway ?? packet.dst;
  if (from.iif !== undefined) hooked = throughHook(trip, place, 'forward', hooked.packet, {iif: from.iif, oif: link.ifname, physdev});
  if (hooked.end) return hooked.end;
  hooked = throughHook(trip, place, 'postrouting', hooked.packet, {iif: from.iif, oif: link.ifname, physdev, nexthop});
  if (hooked.end) return hooked.end;
  // NAT asks for the policy once more (nf_xfrm_me_harder).
  const secure = hooked.packet.src === packet.src && hooked.packet.dst === packet.dst ? asked : secured(trip, place, hooked.packet);
  if ('end' in secure) return secure.end;
  if (secure.state) return encapsulate(trip, place, secure.policy, secure.state, hooked.packet);
  if (!isUp(link))
    return ended(trip, place, 'link', 'device-down', `${link.ifname} of ${placeName(place)} is down`, {
      dev: link.ifname,
      evidence: row(place, 'link', link),
    });
  const tunnel = place.pod === undefined ? encapsulatorOf(link) : undefined;
  if (tunnel) {
    tap(trip, place, link.ifname, 'out', hooked.packet);
    return tunnel(trip, place, link, hop.gateway, hooked.packet);
  }
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
      ? `${nexthop} is ${placeName(next.owner.place)}, ${shownMac(next.mac)}`
      : `${nexthop} is ${next.mac === undefined ? 'no node, and nobody has asked for its hardware address yet' : shownMac(next.mac)}`;
  say(trip, place, 'neighbour', holder, {
    dev: link.ifname,
    evidence: next.row ? row(place, 'neigh', next.row) : [],
    certainty: certaintyOf(trip, place, next, hooked.packet),
  });
  return transmit(trip, place, link, next, nexthop, hooked.packet);
}

/**
 * Where no row is there yet, the owner of the address was gathered and answers: that is seen, not guessed. Who answers that is nobody's is
 * a guess, but where a cloud's network answers for its gateway: there the row itself is all that can be known, and the cloud's word without it.
 */
function certaintyOf({world}: Trip, place: Place, next: Exclude<Neighbour, {kind: 'none' | 'needs'}>, {dst, src}: InFlight): Certainty {
  if (next.mac === UNREAD_MAC) return 'inferred';
  if (next.kind === 'mac') return 'observed';
  if (!isFabric(world, place, dst, src)) return 'inferred';
  return next.mac !== undefined ? 'observed' : world.cluster.cloud ? 'declared' : 'inferred';
}

type Secured = {readonly policy: XfrmPolicy; readonly state: XfrmState} | {readonly state?: undefined} | {readonly end: End};

/** IPsec's part of a route: the policy that takes the packet, and its association. */
function secured(trip: Trip, place: Place, packet: InFlight): Secured {
  const out = policyOut(trip, place, packet);
  if ('end' in out) return out;
  const {policy} = out;
  if (policy === undefined) return {};
  const found = associationFor(trip, place, policy);
  return 'end' in found ? found : {policy, state: found.state};
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
