import {routeReplace} from '../kernel/commands.js';
import type {Member} from '../model/cluster.js';
import {mostCommon} from '../model/most-common.js';
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
  if (has) return [];
  const links = addresses
    .filter((a) => a.family === family && a.prefixlen < (family === 4 ? 32 : 128))
    .map((a) => ({dev: a.dev, prefix: `${network(a.address, a.prefixlen)}/${a.prefixlen}`}));
  // A gateway is reached by its address on the link: which device has that network?
  const on = (gateway: Ip) => links.find((link) => contains(link.prefix, gateway))?.dev;
  const gateway = mostCommon(
    members.flatMap((m) => m.survey.defaultVia?.[family] ?? []).filter((g) => on(g) !== undefined),
    String,
  );
  const dev = gateway === undefined ? undefined : on(gateway);
  if (gateway === undefined || dev === undefined) return [];
  return [
    step(
      name,
      routeReplace({
        family,
        table: 'main',
        type: 'unicast',
        dst: anyPrefix(family),
        gateway,
        dev,
        metric: family === 6 ? 1024 : 0,
        flags: [],
      }),
    ),
  ];
}
