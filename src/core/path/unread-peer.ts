import type {Ip} from '../net/address.js';
import {contains} from '../net/prefix.js';
import type {InFlight} from './packet.js';
import {type End, ended, say, type Trip} from './trip.js';
import {holders, isPodAddress, type Place} from './world.js';

/**
 * The packet leaves the wire for somebody of whom nothing was read, by rows that flannel writes for a node: the other end of its tunnel, or
 * the gateway of a pod subnet. What that node does with it follows from the mode alone, and whether it does nobody can say. Undefined where
 * every member is known: then such rows lead to nobody.
 */
export function unreadPeer(trip: Trip, packet: InFlight, router: Ip | undefined): End | undefined {
  const {world} = trip;
  const {dst} = packet.inner?.packet ?? packet;
  const at = packet.inner ? packet.dst : router;
  if (at === undefined || !isPodAddress(world, dst) || holders(world, at).length > 0 || world.cluster.complete) return undefined;
  const {route} = world.cluster.claims;
  const subnet = [...route.keys()].find((prefix) => contains(prefix, dst));
  if (!packet.inner && (subnet === undefined || route.get(subnet)?.has(at) !== true)) return undefined;
  const guess = {certainty: 'inferred' as const};
  if (packet.inner && router !== undefined)
    say(trip, 'underlay', 'underlay', `router ${router}, nobody can look into, forwards to ${at}`, guess);
  const place: Place = {node: at, state: {tables: {}, families: {}}};
  say(trip, place, 'receive', 'a node of which nothing was read', guess);
  if (packet.inner) say(trip, place, 'decapsulate', 'its own end of the tunnel would take it', guess);
  if (subnet !== undefined) say(trip, place, 'route', `${subnet} would be its own, on its bridge`, guess);
  return ended(trip, place, 'deliver', 'unknown', `whether ${dst} is there is not known: ${at} was not read`);
}
