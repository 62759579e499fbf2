import type {Route} from '../kernel/route.js';
import {type Family, familyOf, type Ip} from '../net/address.js';
import {contains, network} from '../net/prefix.js';
import type {NamespaceState} from '../node/state.js';
import type {Place} from './world.js';

/** Has this namespace the address, on a device that is up? Its local table says so. Undefined: not looked. */
export function isLocal(place: Place, address: Ip): boolean | undefined {
  const {route, address: held} = place.state.tables;
  const family = familyOf(address);
  if (place.state.families.route?.has(family))
    return route?.some((r) => r.family === family && r.table === 'local' && r.type === 'local' && contains(r.dst, address)) ?? false;
  return held?.some((a) => a.local === address);
}

/** A namespace whose local table was not printed (`ip route` shows main only) has there what its addresses put there. */
export function withLocalRoutes<S extends NamespaceState>(state: S): S {
  const {route, address} = state.tables;
  if (route === undefined || address === undefined) return state;
  const bare = ([4, 6] as const).filter((f) => state.families.route?.has(f) && !route.some((r) => r.family === f && r.table === 'local'));
  if (bare.length === 0) return state;
  const rows = address
    .filter((a) => bare.includes(a.family))
    .map((a): Route => {
      const dst = `${a.local}/${a.family === 4 ? 32 : 128}`;
      return {family: a.family, table: 'local', type: 'local', dst, dev: a.dev, protocol: 'kernel', metric: 0, flags: []};
    });
  return {...state, tables: {...state.tables, route: [...route, ...rows]}};
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
