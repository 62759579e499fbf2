import type {Ip, Prefix} from '../net/address.js';
import {baseOf, contains} from '../net/prefix.js';
import type {Claims} from './survey.js';

/** Pod subnets of the peers' routes by an address that may tell whose they are: their gateways and their own first address. */
export type RouteWitnesses = ReadonlyMap<Ip, readonly {readonly subnet: Prefix; readonly order: number}[]>;

/** An index, because N nodes that each look through N subnets are slow from a thousand on. */
export function routeWitnesses(claims: Claims, networks: readonly Prefix[]): RouteWitnesses {
  const index = new Map<Ip, {subnet: Prefix; order: number}[]>();
  let order = 0;
  for (const [subnet, gateways] of claims.route) {
    order += 1;
    if (!networks.some((n) => contains(n, subnet))) continue;
    for (const address of new Set([baseOf(subnet), ...gateways.keys()])) {
      const held = index.get(address);
      if (held) held.push({subnet, order});
      else index.set(address, [{subnet, order}]);
    }
  }
  return index;
}
