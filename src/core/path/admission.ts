import {admit} from '../forwarding/admit.js';
import {type Lookup, lookup} from '../forwarding/lookup.js';
import {type InFlight, selectors} from './packet.js';
import {doubt, type End, ended, row, type Trip} from './trip.js';
import {type Place, placeName} from './world.js';

/**
 * Forwarding and source validation. A pod of which the kernel parameters were not read lets everything in; one that does not forward is an
 * end like any other to whom the packet is not addressed.
 */
export function admission(trip: Trip, place: Place, iif: string, packet: InFlight): {readonly found: Lookup} | {readonly end: End} {
  const query = {...selectors(packet), iif};
  if (place.pod !== undefined) {
    const found = lookup(place.state, query);
    const own = found.kind === 'route' && (found.route.type === 'local' || found.route.type === 'anycast');
    if (place.state.sysctl === undefined || !own) return {found};
  }
  const admitted = admit(place.state, query);
  if (admitted.ok === true) return {found: admitted.lookup};
  if (admitted.ok === 'unknown') {
    doubt(trip, `whether ${placeName(place)} lets it in by ${iif} is not certain: ${admitted.why}`);
    return {found: lookup(place.state, query)};
  }
  // What IPsec has decrypted is not asked where it comes from (fib_validate_source).
  if (packet.came && admitted.disposition === 'reverse-path') return {found: lookup(place.state, query)};
  const evidence = [
    ...(admitted.sysctls.length > 0
      ? [{node: place.node, command: place.own?.commands['sysctl'] ?? 'sysctl -a', lines: admitted.sysctls}]
      : []),
    ...(admitted.route ? row(place, 'route', admitted.route) : []),
  ];
  return {end: ended(trip, place, 'sysctl', admitted.disposition, `${placeName(place)}, ${iif}: ${admitted.why}`, {dev: iif, evidence})};
}
