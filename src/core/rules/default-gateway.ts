import {routeReplace} from '../kernel/commands.js';
import type {Member} from '../model/cluster.js';
import {mostCommon} from '../model/cluster.js';
import type {Family, Ip} from '../net/address.js';
import {anyPrefix, contains, network} from '../net/prefix.js';
import {step} from './remedy.js';
import type {Step} from './rule.js';

/** A node without default route: its name, its addresses, and whether it has one after all. */
export interface Stranded {
  readonly name: string;
  readonly addresses: readonly {readonly address: Ip; readonly dev: string; readonly family: Family; readonly prefixlen: number}[];
  readonly has: boolean;
}

/** The default route that the other nodes on this node's own link have. */
export function defaultRouteSteps(members: readonly Member[], {name, addresses, has}: Stranded, family: Family): readonly Step[] {
  const gateway = mostCommon(
    members.flatMap((m) => m.survey.defaultVia?.[family] ?? []),
    String,
  );
  // A gateway is reached by its address on the link: which device has that network?
  const on =
    gateway &&
    addresses.find(
      (a) =>
        a.family === family &&
        a.prefixlen < (family === 4 ? 32 : 128) &&
        contains(`${network(a.address, a.prefixlen)}/${a.prefixlen}`, gateway),
    );
  if (has || gateway === undefined || !on) return [];
  const route = {
    family,
    table: 'main',
    type: 'unicast',
    dst: anyPrefix(family),
    gateway,
    dev: on.dev,
    metric: family === 6 ? 1024 : 0,
    flags: [],
  };
  return [step(name, routeReplace(route))];
}
