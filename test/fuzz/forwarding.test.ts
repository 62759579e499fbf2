import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type Arrival, admit} from '../../src/core/forwarding/admit.js';
import {type Lookup, lookup, type Query} from '../../src/core/forwarding/lookup.js';
import {sourceFor} from '../../src/core/forwarding/source.js';
import {type Route, route as routeTable} from '../../src/core/kernel/route.js';
import {rule as ruleTable} from '../../src/core/kernel/rule.js';
import type {Family} from '../../src/core/net/address.js';
import {contains} from '../../src/core/net/prefix.js';
import type {NodeState} from '../../src/core/node/state.js';
import {worldOf} from './forwarding-world.js';
import {commandOf, Namespace} from './namespace.js';

/**
 * The forwarding evaluator against the kernel's own answers, `ip route get`, with and without `fibmatch`: which FIB entry, which next
 * hop, which source address, or why not. A run that fails prints its seed and the smallest world that fast-check found.
 */
const asRoot = process.getuid?.() === 0;
const long = process.env['FLANCTL_TEST_LONG'] !== undefined;
const perWorld = 120;

const hopsOf = ({dev, gateway, nexthops}: Route): string =>
  (nexthops?.map((h) => `${h.gateway} ${h.dev}`) ?? [`${gateway} ${dev}`]).sort().join();

/** How `ip` words the kernel's refusals. */
const refusals: {readonly [how: string]: RegExp} = {
  'no-route': /Network is unreachable/,
  unreachable: /No route to host|Network is unreachable/,
  prohibit: /Permission denied/,
  blackhole: /Invalid argument/,
};

/** Where there is no policy rule, the tables `local` and `main` are one, and its entries are of `main`. */
function sameKey(state: NodeState, entry: Route, mine: Route): boolean {
  const one = mine.family === 4 && mine.table === 'local' && (state.tables.rule ?? []).filter((r) => r.family === 4).length === 3;
  return routeTable.key(entry) === routeTable.key(one ? {...mine, table: 'main'} : mine);
}

interface Answers {
  readonly fib: string;
  readonly get: string;
}

function compareLookup(state: NodeState, query: Query, found: Lookup, {fib, get}: Answers): string | undefined {
  if (found.kind === 'unknown') return `unknown: ${found.why}`;
  if (found.kind !== 'route') {
    const how = found.kind === 'refused' ? found.how : 'no-route';
    return refusals[how]!.test(get) ? undefined : `${how}, but the kernel: ${get}`;
  }
  if (get.startsWith('error')) return `${routeTable.show(found.route)}, but the kernel: ${get}`;
  if (found.rule !== undefined) {
    const family = query.dst.includes(':') ? 6 : 4;
    const entry = routeTable.parse(fib.replaceAll('\\', '\n'), {command: 'ip -d route show table main', family}).rows[0];
    const same =
      entry !== undefined && sameKey(state, entry, found.route) && entry.type === found.route.type && hopsOf(entry) === hopsOf(found.route);
    if (!same) return `${routeTable.show(found.route)}, but the kernel's entry is: ${fib}`;
  }
  const words = get.split(' ');
  const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);
  if (found.route.type === 'unicast') {
    const via = after('via') === 'inet6' ? words[words.indexOf('via') + 2] : after('via');
    if (!found.legs.some(({dev, gateway}) => dev === after('dev') && gateway === via))
      return `no leg of ${JSON.stringify(found.legs)}, but the kernel: ${get}`;
  }
  if (query.iif !== undefined || query.src !== undefined) return undefined;
  const source = sourceFor(state, query);
  // Which leg, and what a next hop object remembers, is not to be read.
  if (source === 'unknown')
    return found.legs.length > 1 || found.route.nhid !== undefined ? undefined : `source unknown, but the kernel: ${get}`;
  return source === after('src') ? undefined : `source ${source}, but the kernel: ${get}`;
}

const isArrival = (query: Query): query is Arrival => query.iif !== undefined && query.src !== undefined;

/** IPv4 sends from its own addresses only (__ip_dev_find): those of its devices and what `local` holds. */
const sendsFrom = ({tables}: NodeState, src: string): boolean =>
  (tables.address ?? []).some((a) => a.local === src) ||
  (tables.route ?? []).some((r) => r.table === 'local' && r.type === 'local' && contains(r.dst, src));

/** What differs, if anything: undefined is agreement, `open` a question that the evaluator rightly left open. */
function compare(state: NodeState, query: Query, answers: Answers): string | undefined {
  if (query.iif === undefined && query.src !== undefined && !query.dst.includes(':') && !sendsFrom(state, query.src))
    return /Invalid argument|Network is unreachable/.test(answers.get) ? undefined : `not an own address, but the kernel: ${answers.get}`;
  if (!isArrival(query) || query.dst.includes(':')) return compareLookup(state, query, lookup(state, query), answers);
  const admitted = admit(state, query);
  if (admitted.ok === 'unknown') return `unknown: ${admitted.why}`;
  if (admitted.ok) {
    if (admitted.lookup.kind !== 'route')
      return answers.get.startsWith('error') ? undefined : `${admitted.lookup.kind}, but: ${answers.get}`;
    return compareLookup(state, query, admitted.lookup, answers);
  }
  const wanted = admitted.disposition === 'not-forwarded' ? /No route to host/ : /Invalid argument|Invalid cross-device link/;
  return wanted.test(answers.get) ? undefined : `${admitted.disposition} (${admitted.why}), but the kernel: ${answers.get}`;
}

/** Questions nobody can answer from what is gathered, with the reason in the evaluator's own words. */
const open =
  /^unknown: (the way back to \S+: )?(table (main|default) .* hangs on whether it ever had another policy rule|it hangs on the leg)/;

const kinds: readonly (readonly [Family, boolean])[] = [
  [4, true],
  [4, false],
  [6, true],
];

describe.skipIf(!asRoot).each(kinds)('IPv%i, policy rules: %s', (family, ruled) => {
  const ns = new Namespace(`flanctl-fuzz-${process.pid}-${family}${ruled ? 'r' : ''}`, family);
  beforeAll(() => ns.make());
  afterAll(() => ns.end());

  test('forwards as the kernel does', () => {
    let decisions = 0;
    let left = 0;
    fc.assert(
      fc.property(worldOf(family, ruled, perWorld), (world) => {
        const state = ns.become(world);
        const {queries} = world;
        const fib = ns.ask(queries, 'fibmatch');
        const get = ns.ask(queries);
        const differ = queries.flatMap((query, i) => {
          const answers = {fib: fib[i]!, get: get[i]!};
          const difference = compare(state, query, answers);
          decisions += 1;
          if (difference !== undefined && open.test(difference)) {
            left += 1;
            return [];
          }
          return difference === undefined ? [] : [`${commandOf(query)}: ${difference}`];
        });
        if (differ.length > 0)
          throw new Error(
            [
              ...differ.slice(0, 3),
              ...(state.tables.rule ?? []).map(ruleTable.show),
              ...(state.tables.route ?? []).filter((r) => r.family === family).map(routeTable.show),
            ].join('\n'),
          );
      }),
      // Shrinking takes a minute; it ends before the test does, so that what was found so far is printed.
      {numRuns: long ? 340 : 68, interruptAfterTimeLimit: 250_000},
    );
    process.stdout.write(`IPv${family}, ${ruled ? 'with' : 'without'} policy rules: ${decisions} decisions, ${left} left open\n`);
    expect(decisions).toBeGreaterThanOrEqual(long ? 40_000 : 8000);
    expect(left).toBeLessThan(decisions / 20);
  }, 750_000);
});
