import {type Lookup, lookup} from '../forwarding/lookup.js';
import {type Family, familyOf, type Ip} from '../net/address.js';
import {contains, network} from '../net/prefix.js';
import type {Place} from './world.js';

/** Has this namespace the address, on any device that is up? Its local table says so, else its addresses. Undefined: not looked. */
export function isLocal(place: Place, address: Ip): boolean | undefined {
  const {route, address: held} = place.state.tables;
  const family = familyOf(address);
  if (route?.some((r) => r.family === family && r.table === 'local')) {
    return route.some((r) => r.family === family && r.table === 'local' && r.type === 'local' && contains(r.dst, address));
  }
  return held?.some((a) => a.local === address);
}

/** The route lookup, for a namespace whose local table may not have been printed. */
export function routeTo(place: Place, query: Parameters<typeof lookup>[1]): Lookup {
  const found = lookup(place.state, query);
  if ((found.kind === 'route' && found.route.table === 'local') || query.oif !== undefined || !isLocal(place, query.dst)) return found;
  if (place.state.tables.route?.some((r) => r.family === familyOf(query.dst) && r.table === 'local')) return found;
  const family = familyOf(query.dst);
  const dst = `${query.dst}/${family === 4 ? 32 : 128}`;
  return {
    kind: 'route',
    rule: undefined,
    route: {family, table: 'local', type: 'local', dst, metric: 0, flags: [], dev: 'lo'},
    legs: [{dev: 'lo', weight: 1, onlink: false, alive: true}],
  };
}

/**
 * The source address a namespace takes for what it sends out of a device, where no route names one: of the device, first one whose network
 * holds the next hop; of any other device when it has none (inet_select_addr, ipv6_dev_get_saddr).
 */
export function sourceFor(place: Place, family: Family, dev: string | undefined, nexthop: Ip): Ip | undefined {
  const usable = (place.state.tables.address ?? []).filter((a) => a.family === family && a.scope === 'global');
  const here = usable.filter((a) => a.dev === dev);
  const near = here.find((a) => contains(`${network(a.local, a.prefixlen)}/${a.prefixlen}`, nexthop));
  return (near ?? here[0] ?? usable[0])?.local;
}
