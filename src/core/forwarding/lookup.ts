import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import {type Family, familyOf, type Ip} from '../net/address.js';
import {PrefixIndex} from '../net/lpm.js';
import {contains, lengthOf} from '../net/prefix.js';
import type {NamespaceState} from '../node/state.js';

/** The parts of a packet that policy rules and routes look at. */
export interface Query {
  readonly dst: Ip;
  readonly src?: Ip;
  readonly iif?: string;
  readonly oif?: string;
  readonly mark?: number;
}

export type Lookup =
  | {readonly kind: 'route'; readonly rule: Rule | undefined; readonly route: Route}
  /** A rule or route that refuses: blackhole, prohibit, unreachable. */
  | {readonly kind: 'refused'; readonly rule: Rule | undefined; readonly route?: Route; readonly how: string}
  | {readonly kind: 'no-route'}
  /** A table was not read, or a rule has a selector that cannot be decided from the query. */
  | {readonly kind: 'unknown'; readonly why: string};

const indexes = new WeakMap<readonly Route[], Map<string, PrefixIndex<Route>>>();

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

const refusing: ReadonlySet<string> = new Set(['blackhole', 'prohibit', 'unreachable']);

/** The rules every namespace is born with, for a node whose `ip rule` was not gathered. */
const born = (family: Family): readonly Rule[] => [
  {family, priority: 0, action: 'lookup', table: 'local'},
  {family, priority: 32766, action: 'lookup', table: 'main'},
  {family, priority: 32767, action: 'lookup', table: 'default'},
];
const defaultRules: {readonly [F in Family]: readonly Rule[]} = {4: born(4), 6: born(6)};

type Ordered = {readonly [F in Family]: readonly Rule[]};
const none: readonly Rule[] = [];
const ordered = new WeakMap<readonly Rule[], Ordered>();

/** The rules of each family by priority, made once: a node may be asked about each of a thousand peers. */
function inOrder(rules: readonly Rule[]): Ordered {
  let known = ordered.get(rules);
  if (!known) {
    const sorted = rules.toSorted((a, b) => a.priority - b.priority);
    known = {4: sorted.filter((r) => r.family === 4), 6: sorted.filter((r) => r.family === 6)};
    ordered.set(rules, known);
  }
  return known;
}

const aliases: {readonly [name: string]: string} = {'255': 'local', '254': 'main', '253': 'default'};

/**
 * What the kernel's route lookup answers: rules by priority, in each table the longest prefix, then the lowest metric
 * (net/ipv4/fib_rules.c, fib_trie.c). `throw` and a table without a match go on to the next rule.
 */
export function lookup(state: NamespaceState, query: Query): Lookup {
  const family = familyOf(query.dst);
  const routes = state.tables.route;
  if (routes === undefined || !state.families.route?.has(family)) return {kind: 'unknown', why: `the IPv${family} routes were not read`};
  const index = indexOf(routes);
  const rules = state.families.rule?.has(family) ? inOrder(state.tables.rule ?? none)[family] : defaultRules[family];
  let from = 0;
  for (const rule of rules) {
    if (rule.priority < from) continue;
    from = 0;
    const verdict = selects(rule, query);
    if (verdict === 'unknown') return {kind: 'unknown', why: `policy rule ${rule.priority} has a selector that the question leaves open`};
    if (!verdict) continue;
    if (rule.action === 'goto') {
      // A target that is not there is no refusal: the kernel goes on with the next rule.
      if (rules.some((r) => r.priority === rule.goto)) from = rule.goto ?? 0;
      continue;
    }
    if (rule.action === 'nop') continue;
    if (rule.action !== 'lookup') return {kind: 'refused', rule, how: rule.action};
    const table = aliases[rule.table ?? 'main'] ?? rule.table ?? 'main';
    const found = search(index.get(`${family} ${table}`), query, rule);
    if (found === undefined) continue;
    if (found.type === 'throw') continue;
    if (refusing.has(found.type)) return {kind: 'refused', rule, route: found, how: found.type};
    if (rule.suppress_ifgroup !== undefined)
      return {kind: 'unknown', why: `policy rule ${rule.priority} asks for the group of ${found.dev ?? 'the device'}`};
    return {kind: 'route', rule, route: found};
  }
  return {kind: 'no-route'};
}

/** Does the rule's selector match? `unknown` when it asks for something the query does not say. */
export function selects(rule: Rule, query: Query): boolean | 'unknown' {
  const checks: (boolean | 'unknown')[] = [];
  if (rule.src !== undefined) checks.push(query.src === undefined ? lengthOf(rule.src) === 0 : contains(rule.src, query.src));
  if (rule.dst !== undefined) checks.push(contains(rule.dst, query.dst));
  // To the kernel what the node itself sends comes in by lo.
  if (rule.iif !== undefined) checks.push(rule.iif === (query.iif ?? 'lo'));
  if (rule.oif !== undefined) checks.push(rule.oif === query.oif);
  if (rule.fwmark !== undefined) checks.push((((query.mark ?? 0) ^ rule.fwmark) & (rule.fwmask ?? 0xffffffff)) === 0);
  if (
    rule.ipproto !== undefined ||
    rule.sport !== undefined ||
    rule.dport !== undefined ||
    rule.uidrange !== undefined ||
    rule.tos !== undefined ||
    rule.l3mdev
  ) {
    checks.push('unknown');
  }
  if (checks.includes(false)) return rule.not === true;
  if (checks.includes('unknown')) return 'unknown';
  return rule.not !== true;
}

function search(table: PrefixIndex<Route> | undefined, query: Query, rule: Rule): Route | undefined {
  if (!table) return undefined;
  for (const group of table.covering(query.dst)) {
    const usable = group.filter(
      (r) => !r.flags.includes('dead') && (query.oif === undefined || r.dev === query.oif || r.nexthops?.some((n) => n.dev === query.oif)),
    );
    const best = usable.toSorted((a, b) => a.metric - b.metric)[0];
    if (best === undefined) continue;
    // Only a route that leads somewhere is suppressed; one that refuses is final (fib_rules_lookup).
    const suppressed = rule.suppress_prefixlength !== undefined && lengthOf(best.dst) <= rule.suppress_prefixlength;
    return suppressed && !refusing.has(best.type) ? undefined : best;
  }
  return undefined;
}
