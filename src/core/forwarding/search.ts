import type {Route} from '../kernel/route.js';
import {type Family, familyOf} from '../net/address.js';
import {PrefixIndex} from '../net/lpm.js';
import {baseOf, contains, lengthOf} from '../net/prefix.js';
import {type Leg, legsOf} from './legs.js';
import {conf, type Namespace, type Query} from './query.js';
import {tosIn} from './tos.js';

/** What one table answers: a route that leads somewhere, one that refuses (or is `throw`), or that a next hop was not read. */
export interface Found {
  readonly route: Route;
  /** Those that may be taken: alive, and through the device asked for. */
  readonly legs: readonly Leg[];
  readonly refuses?: string;
  readonly unknown?: string;
}

const indexes = new WeakMap<readonly Route[], Map<string, PrefixIndex<Route>>>();

/** The routes by table and prefix, made once a node. */
function indexOf(routes: readonly Route[]): Map<string, PrefixIndex<Route>> {
  let known = indexes.get(routes);
  if (known) return known;
  known = new Map();
  for (const route of routes) {
    const key = `${route.family} ${route.table}`;
    let table = known.get(key);
    if (!table) {
      table = new PrefixIndex();
      known.set(key, table);
    }
    table.add(route.dst, route);
  }
  indexes.set(routes, known);
  return known;
}

const refusing: ReadonlySet<string> = new Set(['blackhole', 'prohibit', 'unreachable', 'throw']);

const refused = (route: Route, how: string): Found => ({route, legs: [], refuses: how});
const unread = (route: Route): Found => ({route, legs: [], unknown: `next hop object ${route.nhid} was not read`});

/** The longest match in one table, as the kernel of that family finds it; undefined when the table has none. */
export function search(state: Namespace, table: string, query: Query): Found | undefined {
  const family = familyOf(query.dst);
  const index = indexOf(state.tables.route ?? []).get(`${family} ${table}`);
  if (index === undefined) return undefined;
  return family === 4 ? search4(state, index, query) : search6(state, index, query);
}

/** fib_table_lookup: of one prefix the routes with the packet's TOS first, then by metric; the first with a usable leg. */
function search4(state: Namespace, index: PrefixIndex<Route>, query: Query): Found | undefined {
  let passed: string | undefined;
  for (const group of index.covering(query.dst)) {
    if (passed === baseOf(group[0]!.dst)) continue;
    const tos = (query.tos ?? 0) & 0x1c;
    const fitting = group.length === 1 && group[0]!.tos === undefined ? group : inOrder(group, tos);
    for (const route of fitting) {
      if (refusing.has(route.type)) return refused(route, route.type);
      if (route.flags.includes('dead')) continue;
      const all = legsOf(state, route);
      if (all === 'blackhole') return refused(route, 'blackhole');
      if (all === 'unknown') return unread(route);
      const legs = all.filter((leg) => leg.alive && (query.oif === undefined || leg.dev === query.oif));
      if (legs.length > 0) return {route, legs};
      // After a next hop object without a usable leg the kernel leaves the whole node of its trie: all prefixes of this base.
      if (route.nhid !== undefined) {
        passed = baseOf(route.dst);
        break;
      }
    }
  }
  return undefined;
}

/** A TOS whose name only the node knows cannot be told from the packet's; such a route is passed over. */
function inOrder(group: readonly Route[], tos: number): readonly Route[] {
  const fitting = group.filter((r) => r.tos === undefined || tosIn(r.tos) === tos || tosIn(r.tos) === 0);
  return fitting.toSorted((a, b) => (tosIn(b.tos) ?? 0) - (tosIn(a.tos) ?? 0) || a.metric - b.metric);
}

/** How strictly IPv6 takes the device asked for, and whether next hops that failed are passed over (rt6_score_route). */
interface Strictness {
  readonly oif: string | undefined;
  readonly strict: boolean;
  readonly reachable: boolean;
}

/**
 * fib6_table_lookup. What comes in prefers, among equals, the device it came in by; for what is sent, the device asked for is a must
 * when no source was chosen or the destination has a zone.
 */
function search6(state: Namespace, index: PrefixIndex<Route>, query: Query): Found | undefined {
  const zoned = /^(fe[89ab]|ff)/.test(query.dst) || query.dst === '::1';
  const oif = query.iif ?? query.oif;
  const strict = zoned || (query.iif === undefined && query.oif !== undefined && query.src === undefined);
  const host = conf(state, 6, 'all', 'forwarding') === 0;
  const nodes = nodesOf(index, query);
  for (const reachable of host ? [true, false] : [false]) {
    for (const node of nodes) {
      const found = select6(state, node, {oif, strict, reachable});
      if (found) return found;
    }
  }
  return undefined;
}

/**
 * The groups of routes in which the kernel looks, in order. Routes with `from` hang below those of their destination in a tree of their
 * own, by the longest source. The descent begins at the longest destination, but where it meets such a tree without a source that
 * fits, it passes over that destination's other routes too; not so on the way back up (fib6_node_lookup_1, fib6_backtrack).
 */
function nodesOf(index: PrefixIndex<Route>, {dst, src}: Query): readonly (readonly Route[])[] {
  const nodes: (readonly Route[])[] = [];
  const length = (r: Route) => (r.from === undefined ? 0 : lengthOf(r.from));
  for (const group of index.covering(dst)) {
    if (group.every((r) => r.from === undefined)) {
      nodes.push(group);
      continue;
    }
    const fitting = group.filter((r) => length(r) === 0 || contains(r.from!, src ?? '::'));
    const sources = [...new Set(fitting.map(length))].sort((a, b) => b - a);
    if (nodes.length === 0 && sources[0] === 0 && lengthOf(group[0]!.dst) > 0) continue;
    for (const bits of sources) nodes.push(fitting.filter((r) => length(r) === bits));
  }
  return nodes;
}

const prefs: {readonly [pref: string]: number} = {low: 1, medium: 2, high: 3};

/** find_rr_leaf: the best of the lowest metric; when none of it can be used, the best of all others, whatever their metric. */
function select6(state: Namespace, group: readonly Route[], how: Strictness): Found | undefined {
  const sorted = group.length === 1 ? group : group.toSorted((a, b) => a.metric - b.metric);
  const lowest = sorted[0]?.metric;
  return (
    best6(
      state,
      sorted.filter((r) => r.metric === lowest),
      how,
    ) ??
    best6(
      state,
      sorted.filter((r) => r.metric !== lowest),
      how,
    )
  );
}

function best6(state: Namespace, routes: readonly Route[], how: Strictness): Found | undefined {
  let best: Found | undefined;
  let score = -1;
  for (const route of routes) {
    // A next hop object that swallows is final, a route that refuses hangs on lo and is one among others.
    if (route.nhid !== undefined && route.type === 'blackhole') return refused(route, 'blackhole');
    const all = refusing.has(route.type) ? [{dev: 'lo', weight: 1, onlink: false, alive: true}] : legsOf(state, route);
    if (all === 'blackhole') return refused(route, 'blackhole');
    if (all === 'unknown') return unread(route);
    const legs = all.filter((leg) => leg.alive && !(how.reachable && failed(state, leg)) && !(how.strict && !uses(leg, how.oif)));
    if (legs.length === 0) continue;
    const own = Math.max(...legs.map((leg) => (uses(leg, how.oif) ? 2 : 0))) | ((prefs[route.pref ?? 'medium'] ?? 2) << 2);
    if (own <= score) continue;
    score = own;
    best = refusing.has(route.type) ? refused(route, route.type) : {route, legs};
  }
  return best;
}

const uses = (leg: Leg, oif: string | undefined): boolean => oif === undefined || leg.dev === oif;

/** A host, unlike a router, first looks for a gateway whose neighbour entry has not failed. */
const failed = (state: Namespace, {gateway, dev}: Leg): boolean =>
  gateway !== undefined && (state.tables.neigh ?? []).some((n) => n.dst === gateway && n.dev === dev && n.state.includes('FAILED'));

/** The table's name as routes and rules write it. */
const aliases: {readonly [number: string]: string} = {'255': 'local', '254': 'main', '253': 'default'};
export const tableOf = (name: string | undefined): string => aliases[name ?? 'main'] ?? name ?? 'main';

/** The length of the longest prefix for this address in one table of IPv4, or -1. */
export function longest(state: Namespace, table: string, query: Query): number {
  const family: Family = familyOf(query.dst);
  const index = indexOf(state.tables.route ?? []).get(`${family} ${table}`);
  for (const group of index?.covering(query.dst) ?? []) return lengthOf(group[0]!.dst);
  return -1;
}
