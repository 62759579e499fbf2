import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import type {Expected} from '../modes/mode.js';
import {baseOf} from '../net/prefix.js';
import {isFromPodRule, isPodRoute, isToPodRule} from '../node/attachment.js';
import type {NodeState} from '../node/state.js';

/** The node's own addresses: rules and routes of them are none of its pods'. */
const ownOf = (state: NodeState): ReadonlySet<string> => new Set((state.tables.address ?? []).map((a) => a.local));

/**
 * Routes that could be there for pods: host routes of main, whatever is in the tables that rules lead pods' packets to, the bridge's
 * route that is asked for, and `parts`, those to other nodes' parts of the container network.
 */
export function fabricRoutes(state: NodeState, expected: Expected, parts: (route: Route) => boolean): readonly Route[] {
  const own = ownOf(state);
  const links = state.tables.link && new Map(state.tables.link.map((link) => [link.ifname, link]));
  const tables = new Set(expected.route.flatMap(({row}) => (row.table === 'main' ? [] : [row.table])));
  const asked = new Set(expected.route.map(({row}) => `${row.table} ${row.dst}`));
  return (state.tables.route ?? []).filter((r) => {
    // The link to the gateway, as AWS writes it before the default route.
    if (tables.has(r.table)) return r.type !== 'unicast' || r.scope !== 'link';
    if (r.table !== 'main') return false;
    return asked.has(`main ${r.dst}`) || (isPodRoute(r, links) && !own.has(baseOf(r.dst))) || parts(r);
  });
}

/** Rules to and from single addresses, and what stands in the place of one that is asked for. */
export function podRules(state: NodeState, expected: Expected): readonly Rule[] {
  const own = ownOf(state);
  const asked = new Set((expected.rule ?? []).map(({row}) => `${row.src ?? ''} ${row.dst ?? ''}`));
  return (state.tables.rule ?? []).filter((r) => {
    if (r.iif !== undefined || r.oif !== undefined || r.fwmark !== undefined || r.not === true) return false;
    if (isToPodRule(r)) return !own.has(baseOf(r.dst!));
    if (isFromPodRule(r) && r.dst === undefined) return !own.has(baseOf(r.src!));
    return (r.src ?? r.dst) !== undefined && asked.has(`${r.src ?? ''} ${r.dst ?? ''}`);
  });
}
