import type {Route} from '../kernel/route.js';
import type {Ip} from '../net/address.js';
import {conf, type Namespace} from './query.js';

/** One next hop of a route: a single route has one, a multipath route or a group several. */
export interface Leg {
  /** May be of the other family. */
  readonly gateway?: Ip;
  readonly dev?: string;
  /** Share of the flows; 1 when not said. */
  readonly weight: number;
  /** The gateway need not be inside a prefix of the device. */
  readonly onlink: boolean;
  /** Can it be chosen? Not when it is `dead`, or `linkdown` on a device that ignores such routes. */
  readonly alive: boolean;
}

interface Hop {
  readonly gateway?: Ip;
  readonly dev?: string;
  readonly weight?: number;
  readonly flags: readonly string[];
}

/**
 * Where a route leads. `blackhole` is a next hop object that swallows; `unknown` one that was not read: with
 * net.ipv4.nexthop_compat_mode=0 a route says only its `nhid`.
 */
export function legsOf(state: Namespace, route: Route): readonly Leg[] | 'blackhole' | 'unknown' {
  const {nhid} = route;
  const leg = ({gateway, dev, weight, flags}: Hop): Leg => ({
    ...(gateway !== undefined && {gateway}),
    ...(dev !== undefined && {dev}),
    weight: weight ?? 1,
    onlink: flags.includes('onlink'),
    alive: !flags.includes('dead') && !(flags.includes('linkdown') && ignoresLinkdown(state, route, dev)),
  });
  if (nhid === undefined || route.dev !== undefined || route.nexthops !== undefined) {
    return route.nexthops === undefined ? [leg(route)] : route.nexthops.map(leg);
  }
  const objects = state.tables.nexthop;
  const object = objects?.find(({id}) => id === nhid);
  if (object?.blackhole) return 'blackhole';
  if (object !== undefined && object.group === undefined) return [leg(object)];
  const legs: Leg[] = [];
  for (const {id, weight} of object?.group ?? []) {
    const member = objects?.find((o) => o.id === id);
    if (member === undefined) return 'unknown';
    if (member.blackhole) return 'blackhole';
    legs.push(leg({...member, weight}));
  }
  return legs.length === 0 ? 'unknown' : legs;
}

/** Off unless it was read as on: that is the kernel's default, and nobody's but some routers' setting. */
const ignoresLinkdown = (state: Namespace, route: Route, dev: string | undefined): boolean =>
  dev !== undefined && conf(state, route.family, dev, 'ignore_routes_with_linkdown') === 1;
