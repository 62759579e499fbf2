import type {Address} from '../kernel/address.js';
import type {Route} from '../kernel/route.js';
import {familyOf, type Ip} from '../net/address.js';
import {contains, prefix} from '../net/prefix.js';
import {looked} from '../node/state.js';
import type {Leg} from './legs.js';
import {lookup} from './lookup.js';
import {conf, type Namespace, type Query} from './query.js';
import {source6} from './source-v6.js';

/** `ip` prints the names of /etc/iproute2/rt_scopes; the kernel compares numbers. */
const scopes: {readonly [name: string]: number} = {global: 0, universe: 0, site: 200, link: 253, host: 254, nowhere: 255};
const scopeOf = (text: string | undefined): number => (text === undefined ? 0 : (scopes[text] ?? Number(text)));
const HOST = 254;
const LINK = 253;

/**
 * The source address that the kernel gives what the namespace itself sends there (`src` of `ip route get`). Undefined when nothing leads
 * there or no address will do; `unknown` when a table was not read, or it hangs on which leg of the
 * route is taken, or on what a next hop object remembers.
 */
export function sourceFor(state: Namespace, query: Query): Ip | undefined | 'unknown' {
  if (query.src !== undefined) return query.src;
  const found = lookup(state, query);
  if (found.kind === 'unknown') return 'unknown';
  if (found.kind !== 'route') return undefined;
  const {route, legs} = found;
  if (route.prefsrc !== undefined) return route.prefsrc;
  const family = familyOf(query.dst);
  if (family === 4 && route.type === 'local') return query.dst;
  if (!looked(state, 'address')) return 'unknown';
  const addresses = (state.tables.address ?? []).filter((a) => a.family === family);
  const chosen = new Set(
    legs.flatMap((leg) =>
      family === 4
        ? scopesOf(route, leg).map((scope) => source4(state, addresses, leg, scope))
        : [source6(state, addresses, query.dst, leg.dev)],
    ),
  );
  return chosen.size > 1 ? 'unknown' : [...chosen][0];
}

/**
 * The scopes an address is sought for: that of the route. A next hop object is shared by routes, and remembers the address that was
 * sought when it was made, for a scope of its own, until an address of the namespace changes (nh_create_ipv4, fib_result_prefsrc).
 */
function scopesOf(route: Route, {gateway}: Leg): readonly number[] {
  const own = scopeOf(route.scope);
  return route.nhid === undefined ? [own] : [own, gateway === undefined ? LINK : LINK - 1];
}

/** inet_select_addr: of the device the address in whose prefix the gateway is, else its first; else the first of another device. */
function source4(state: Namespace, addresses: readonly Address[], {dev, gateway}: Leg, scope: number): Ip | undefined {
  // With route_localnet addresses of the host count as those of the link.
  const widest = dev !== undefined && (conf(state, 4, 'all', 'route_localnet') || conf(state, 4, dev, 'route_localnet')) ? LINK : HOST;
  const primary = addresses.filter((a) => !a.flags.includes('secondary'));
  const own = primary.filter((a) => a.dev === dev && Math.min(scopeOf(a.scope), widest) <= scope);
  const near =
    gateway === undefined || gateway.includes(':')
      ? undefined
      : own.find((a) => contains(prefix(`${a.peer ?? a.local}/${a.prefixlen}`), gateway));
  if (near !== undefined || own[0] !== undefined) return (near ?? own[0])?.local;
  return inOrderOfDevices(state, primary).find((a) => scopeOf(a.scope) !== LINK && scopeOf(a.scope) <= scope)?.local;
}

/** The kernel goes through its devices in the order they were made; `ip addr` prints them so. */
const inOrderOfDevices = (state: Namespace, addresses: readonly Address[]): readonly Address[] => {
  const place = new Map((state.tables.link ?? []).map((l, i) => [l.ifname, l.ifindex ?? i]));
  return addresses.toSorted((a, b) => (place.get(a.dev) ?? 0) - (place.get(b.dev) ?? 0));
};
