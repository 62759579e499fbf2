import type {Route} from '../kernel/route.js';
import type {Family} from '../net/address.js';
import {legsOf} from './legs.js';
import {conf, type Namespace} from './query.js';

export interface RouteMtu {
  /** Bytes of the largest IP packet that gets out whole: the smallest of the route's own MTU and those of its devices. */
  readonly mtu: number;
  /** `mtu lock`: what path MTU discovery learns does not lower it. Undefined where the listing drops the word, as JSON does. */
  readonly locked: boolean | undefined;
  /** What the route says, when it does; the kernel fragments to this even where a device takes less, and the device drops those. */
  readonly metric?: number;
  /** The smallest MTU of the devices it leads through. */
  readonly device?: number;
}

/** The MTU of a route (ip_dst_mtu_maybe_forward, ip6_mtu); `unknown` when neither it nor its devices say one. */
export function routeMtu(state: Namespace, route: Route): RouteMtu | 'unknown' {
  const metric = route.metrics?.['mtu'] || undefined;
  const legs = legsOf(state, route);
  const devices = typeof legs === 'string' ? [] : legs.map(({dev}) => deviceMtu(state, route.family, dev));
  const known = devices.filter((mtu) => mtu !== undefined);
  const device = known.length === 0 || known.length < devices.length ? undefined : Math.min(...known);
  if (metric === undefined && device === undefined) return 'unknown';
  return {
    mtu: Math.min(metric ?? Number.POSITIVE_INFINITY, device ?? Number.POSITIVE_INFINITY, 65_535),
    locked: route.locked?.includes('mtu') || (metric !== undefined && typeof route.origin?.raw !== 'string' ? undefined : false),
    ...(metric !== undefined && {metric}),
    ...(device !== undefined && {device}),
  };
}

/** IPv6 has an MTU of its own a device, which a router advertisement may lower. */
export function deviceMtu(state: Namespace, family: Family, dev: string | undefined): number | undefined {
  const mtu = state.tables.link?.find((l) => l.ifname === dev)?.mtu;
  const own = family === 6 && dev !== undefined ? conf(state, 6, dev, 'mtu') : undefined;
  return mtu === undefined ? own : Math.min(mtu, own ?? mtu);
}
