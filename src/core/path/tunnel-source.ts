import type {Link} from '../kernel/link.js';
import {familyOf, type Ip} from '../net/address.js';
import {isLocal} from './local.js';
import {type End, ended, row, type Trip} from './trip.js';
import type {Place} from './world.js';

/** Why a tunnel device can send nothing from its own address to the other end, or undefined. */
export function sendable(trip: Trip, place: Place, link: Link, local: Ip | undefined, dst: Ip): End | undefined {
  const said = {dev: link.ifname, evidence: row(place, 'link', link)};
  // A source that the node does not have makes the route lookup fail (ip_route_output_key_hash_rcu); IPv6 does not look.
  if (local !== undefined && familyOf(local) === 4 && isLocal(place, local) === false)
    return ended(trip, place, 'encapsulate', 'no-route', `${link.ifname} sends from ${local}, which ${place.node} does not have`, said);
  if (isLocal(place, dst))
    return ended(trip, place, 'encapsulate', 'wrong-tunnel-end', `${dst}, where ${link.ifname} sends it, is ${place.node} itself`, {
      dev: link.ifname,
    });
  return undefined;
}
