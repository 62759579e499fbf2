import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import {type Family, familyOf} from '../net/address.js';
import {lengthOf} from '../net/prefix.js';
import type {Leg} from './legs.js';
import type {Namespace, Query} from './query.js';
import {type Found, longest, search, tableOf} from './search.js';
import {selects} from './selects.js';

export type {Leg} from './legs.js';
export type {Namespace, Query} from './query.js';
export {selects} from './selects.js';

export type Lookup =
  /** `legs`: every next hop that may be taken, one for a single route; the packet's flow decides which. */
  | {readonly kind: 'route'; readonly rule: Rule | undefined; readonly route: Route; readonly legs: readonly Leg[]}
  /** A rule or route that refuses: blackhole, prohibit, unreachable. */
  | {readonly kind: 'refused'; readonly rule: Rule | undefined; readonly route?: Route; readonly how: string}
  | {readonly kind: 'no-route'}
  /** A table was not read, or a rule has a selector that cannot be decided from the query. */
  | {readonly kind: 'unknown'; readonly why: string};

/** The rules every namespace is born with, for a node whose `ip rule` was not gathered. */
const local = {priority: 0, action: 'lookup', table: 'local'};
const main = {priority: 32766, action: 'lookup', table: 'main'};
const born: {readonly [F in Family]: readonly Rule[]} = {
  4: [
    {family: 4, ...local},
    {family: 4, ...main},
    {family: 4, priority: 32767, action: 'lookup', table: 'default'},
  ],
  6: [
    {family: 6, ...local},
    {family: 6, ...main},
  ],
};

interface Ordered {
  readonly rules: readonly Rule[];
  /** Somebody added or took away a rule. */
  readonly custom: boolean;
}
const none: readonly Rule[] = [];
const ordered = new WeakMap<readonly Rule[], {readonly [F in Family]: Ordered}>();

const sameAsBorn = (rules: readonly Rule[], family: Family): boolean =>
  rules.length === born[family].length &&
  rules.every((rule, i) => {
    const {priority, table} = born[family][i]!;
    const {src, dst, iif, oif, fwmark, not, suppress_prefixlength} = rule;
    const plain = [src, dst, iif, oif, fwmark, not, suppress_prefixlength].every((part) => part === undefined);
    return plain && rule.priority === priority && rule.action === 'lookup' && tableOf(rule.table) === table;
  });

/** The rules of each family by priority, made once: a node may be asked about each of a thousand peers. */
export function rulesOf(state: Namespace, family: Family): Ordered {
  if (!state.families.rule?.has(family)) return {rules: born[family], custom: false};
  const rules = state.tables.rule ?? none;
  let known = ordered.get(rules);
  if (!known) {
    const sorted = rules.toSorted((a, b) => a.priority - b.priority);
    const of = (f: Family): Ordered => {
      const own = sorted.filter((r) => r.family === f);
      return {rules: own, custom: !sameAsBorn(own, f)};
    };
    known = {4: of(4), 6: of(6)};
    ordered.set(rules, known);
  }
  return known[family];
}

/**
 * What the kernel's route lookup answers: rules by priority, in each table the longest prefix, then the lowest metric
 * (net/core/fib_rules.c, net/ipv4/fib_trie.c, net/ipv6/ip6_fib.c, route.c). `throw` and a table without a match go on to the next rule.
 * A sender bound to a device (`oif`, no `iif`) gets an answer from IPv4 also where the tables have none: on the link, without a rule.
 */
export function lookup(state: Namespace, query: Query): Lookup {
  const {oif, iif, dst} = query;
  if (oif === undefined || iif !== undefined || familyOf(dst) === 6) return decide(state, query);
  const link = state.tables.link?.find((l) => l.ifname === oif);
  if (link === undefined) return {kind: 'unknown', why: `the device ${oif} was not read`};
  if (!link.flags.includes('UP')) return {kind: 'no-route'};
  const found = decide(state, query);
  if (found.kind === 'route' || found.kind === 'unknown') return found;
  const route: Route = {family: 4, table: 'main', type: 'unicast', dst: `${dst}/32`, dev: oif, scope: 'link', metric: 0, flags: []};
  return {kind: 'route', rule: undefined, route, legs: [{dev: oif, weight: 1, onlink: false, alive: true}]};
}

function decide(state: Namespace, query: Query): Lookup {
  const family = familyOf(query.dst);
  if (state.tables.route === undefined || !state.families.route?.has(family))
    return {kind: 'unknown', why: `the IPv${family} routes were not read`};
  const {rules, custom} = rulesOf(state, family);
  let from = 0;
  for (const rule of rules) {
    // It only selects what goes through a VRF (l3mdev_fib_rule_match).
    if (rule.priority < from || (rule.l3mdev && rule.not !== true && hasNoVrf(state))) continue;
    from = 0;
    const verdict = selects(rule, query);
    if (verdict === 'unknown')
      return {
        kind: 'unknown',
        why: rule.l3mdev
          ? `policy rule ${rule.priority} (l3mdev) looks in the table of a VRF, and which device belongs to which VRF is not modelled`
          : `policy rule ${rule.priority} has a selector that the question leaves open`,
      };
    if (!verdict) continue;
    if (rule.action === 'goto') {
      // A target that is not there is no refusal: the kernel goes on with the next rule.
      if (rules.some((r) => r.priority === rule.goto)) from = rule.goto ?? 0;
      continue;
    }
    if (rule.action === 'nop') continue;
    if (rule.action !== 'lookup') return {kind: 'refused', rule, how: rule.action};
    const table = tableOf(rule.table);
    const found = search(state, table, query);
    if (found === undefined || found.refuses === 'throw') continue;
    if (found.unknown !== undefined) return {kind: 'unknown', why: found.unknown};
    const merged = family === 4 && !custom ? mergedDoubt(state, query, table, found) : undefined;
    if (merged !== undefined) return {kind: 'unknown', why: merged};
    const {route, legs, refuses} = found;
    // Only a route that leads somewhere is suppressed; one that refuses is final (fib_rules_lookup).
    if (refuses !== undefined) return {kind: 'refused', rule, route, how: refuses};
    const suppressed = suppresses(state, rule, found);
    if (suppressed === 'unknown')
      return {kind: 'unknown', why: `policy rule ${rule.priority} asks for the group of ${legs[0]?.dev ?? 'a device'}`};
    if (suppressed) continue;
    return {kind: 'route', rule, route, legs};
  }
  return {kind: 'no-route'};
}

const hasNoVrf = ({tables}: Namespace): boolean => tables.link !== undefined && !tables.link.some((l) => l.kind === 'vrf');

/** fib4_rule_suppress, fib6_rule_suppress: too short a prefix, or a first leg in the group of devices that the rule does not want. */
function suppresses(state: Namespace, rule: Rule, {route, legs}: Found): boolean | 'unknown' {
  if (rule.suppress_prefixlength !== undefined && lengthOf(route.dst) <= rule.suppress_prefixlength) return true;
  if (rule.suppress_ifgroup === undefined) return false;
  const group = state.tables.link?.find((l) => l.ifname === legs[0]?.dev)?.extra?.['group'];
  return group === undefined ? 'unknown' : String(group) === rule.suppress_ifgroup;
}

/**
 * Until its first rule is added or deleted an IPv4 namespace keeps `local` and `main` in one trie, where the longest prefix of both wins,
 * and asks `default` also after `main` refused. Whether that ever happened is nowhere to be read.
 */
function mergedDoubt(state: Namespace, query: Query, table: string, found: Found): string | undefined {
  if (table === 'local' && lengthOf(found.route.dst) < 32 && longest(state, 'main', query) > lengthOf(found.route.dst))
    return `table main has a longer prefix for ${query.dst} than table local, and which the kernel takes hangs on whether it ever had another policy rule`;
  if (table === 'main' && found.refuses !== undefined && longest(state, 'default', query) >= 0)
    return `table main refuses ${query.dst} and table default has a route for it, and whether the kernel asks it hangs on whether it ever had another policy rule`;
  return undefined;
}
