import {execFileSync, spawnSync} from 'node:child_process';
import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {lookup, type Query} from '../../src/core/forwarding/lookup.js';
import {type Route, route as routeTable} from '../../src/core/kernel/route.js';
import {rule as ruleTable} from '../../src/core/kernel/rule.js';
import {readNode} from '../../src/core/model/read-node.js';
import type {Family} from '../../src/core/net/address.js';

/**
 * The lookup against the kernel's own, `ip route get fibmatch`, for random rules and tables. What iproute2 refuses to set up is
 * passed over by `-force`; what is there in the end is read back and parsed, as from any node.
 */
const ns = `flanctl-fib-${process.pid}`;
const asRoot = process.getuid?.() === 0;
const run = (args: readonly string[], input?: string) =>
  spawnSync('ip', ['netns', 'exec', ns, ...args], {encoding: 'utf8', input, maxBuffer: 1 << 26});
const ip = (...args: string[]): string => {
  const {status, stdout, stderr} = run(['ip', ...args]);
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
  return stdout;
};
const batch = (lines: readonly string[], ...options: string[]) => run(['ip', ...options, '-force', '-batch', '-'], `${lines.join('\n')}\n`);

const net: {
  readonly [F in Family]: {
    readonly prefixes: readonly string[];
    readonly targets: readonly string[];
    readonly sources: readonly string[];
    readonly gateways: readonly string[];
    readonly own: readonly string[];
  };
} = {
  4: {
    prefixes: [
      '10.0.0.0/8',
      '10.1.0.0/16',
      '10.1.2.0/24',
      '10.1.2.128/25',
      '10.1.2.130/32',
      '10.1.3.0/24',
      '172.16.0.0/12',
      '0.0.0.0/0',
      '192.0.2.0/24',
    ],
    targets: ['10.1.2.3', '10.1.2.130', '10.1.2.200', '10.1.3.9', '10.9.9.9', '172.20.0.1', '192.0.2.7', '198.51.100.1'],
    sources: ['10.1.2.77', '10.7.0.1', '172.31.0.9', '203.0.113.5'],
    gateways: ['192.168.10.2', '192.168.11.2', '192.168.12.2'],
    own: ['192.168.10.1', '192.168.11.1', '192.168.12.1'],
  },
  6: {
    prefixes: [
      'fd01::/16',
      'fd01:1::/32',
      'fd01:1:2::/48',
      'fd01:1:2:8000::/49',
      'fd01:1:2:8000::5/128',
      'fd01:1:3::/48',
      'fd02::/16',
      '::/0',
      '2001:db8:9::/48',
    ],
    targets: [
      'fd01:1:2::3',
      'fd01:1:2:8000::5',
      'fd01:1:2:8000::6',
      'fd01:1:3::9',
      'fd01:9::9',
      'fd02:1::1',
      '2001:db8:9::7',
      '2001:db8:aaaa::1',
    ],
    sources: ['fd01:1:2::77', 'fd01:7::1', 'fd02:31::9', '2001:db8:5::5'],
    gateways: ['fd10::2', 'fd11::2', 'fd12::2'],
    own: ['fd10::1', 'fd11::1', 'fd12::1'],
  },
};
const devices = ['d0', 'd1', 'd2'] as const;
const tables = ['main', 'default', '100', '101'] as const;

const routeOf = (family: Family) =>
  fc
    .record({
      dst: fc.constantFrom(...net[family].prefixes),
      type: fc.oneof(
        {weight: 6, arbitrary: fc.constant('unicast')},
        {weight: 1, arbitrary: fc.constantFrom('blackhole', 'unreachable', 'prohibit', 'throw')},
      ),
      table: fc.constantFrom(...tables),
      metric: fc.constantFrom(0, 0, 5, 10, 200),
      via: fc.nat(2),
      hops: fc.constantFrom(1, 1, 1, 2),
    })
    .map(({dst, type, table, metric, via, hops}) => {
      const head = `route add ${type === 'unicast' ? '' : `${type} `}${dst} table ${table}${metric > 0 ? ` metric ${metric}` : ''}`;
      if (type !== 'unicast') return head;
      const hop = (n: number) => `via ${net[family].gateways[n % 3]} dev ${devices[n % 3]}`;
      return hops === 1 ? `${head} ${hop(via)}` : `${head} nexthop ${hop(via)} nexthop ${hop(via + 1)}`;
    });

const ruleOf = (family: Family) =>
  fc
    .record({
      priority: fc.integer({min: 1, max: 60}).map((n) => n * 10),
      not: fc.constantFrom(false, false, false, true),
      from: fc.option(fc.constantFrom(...net[family].prefixes.filter((p) => !p.endsWith('/0')), ...net[family].own), {nil: undefined}),
      to: fc.option(fc.constantFrom(...net[family].prefixes.filter((p) => !p.endsWith('/0'))), {nil: undefined}),
      iif: fc.option(fc.constantFrom('lo', ...devices), {nil: undefined, freq: 3}),
      mark: fc.option(fc.constantFrom('0x1', '0x3/0x1', '0x4/0xc', '0/0x2'), {nil: undefined, freq: 3}),
      action: fc.oneof(
        {weight: 6, arbitrary: fc.constantFrom(...tables, 'local').map((t) => `lookup ${t}`)},
        {
          weight: 3,
          arbitrary: fc
            .record({t: fc.constantFrom(...tables), n: fc.constantFrom(0, 8, 16, 24, 32, 48)})
            .map(({t, n}) => `lookup ${t} suppress_prefixlength ${n}`),
        },
        {weight: 2, arbitrary: fc.constantFrom('blackhole', 'unreachable', 'prohibit')},
        {weight: 2, arbitrary: fc.integer({min: 1, max: 70}).map((n) => `goto ${n * 10}`)},
      ),
    })
    .map(({priority, not, from, to, iif, mark, action}) =>
      [
        'rule add',
        `priority ${priority}`,
        ...(not && (from ?? to ?? iif ?? mark) !== undefined ? ['not'] : []),
        ...(from === undefined ? ['from all'] : [`from ${from}`]),
        ...(to === undefined ? [] : [`to ${to}`]),
        ...(iif === undefined ? [] : [`iif ${iif}`]),
        ...(mark === undefined ? [] : [`fwmark ${mark}`]),
        action,
      ].join(' '),
    );

const worldOf = (family: Family) =>
  fc.record({routes: fc.array(routeOf(family), {minLength: 3, maxLength: 20}), rules: fc.array(ruleOf(family), {maxLength: 8})});

function queries(family: Family): readonly Query[] {
  const {targets, sources, own} = net[family];
  return targets.flatMap((dst, i): Query[] => [
    {dst},
    {dst, mark: 1},
    {dst, mark: 6},
    {dst, src: own[i % 3]!},
    {dst, src: sources[i % 4]!, iif: devices[i % 3]!},
    {dst, src: sources[(i + 1) % 4]!, iif: devices[(i + 1) % 3]!, mark: 1 + (i % 3)},
  ]);
}

/** One answer a query: the FIB entry as text without what depends on the query, or how it was refused. */
function ask(family: Family, asked: readonly Query[]): readonly string[] {
  const line = ({dst, src, iif, mark}: Query) =>
    [
      `route get fibmatch ${dst}`,
      ...(src === undefined ? [] : [`from ${src}`]),
      ...(iif === undefined ? [] : [`iif ${iif}`]),
      ...(mark === undefined ? [] : [`mark ${mark}`]),
    ].join(' ');
  const {stdout, stderr} = batch(asked.map(line), `-${family}`, '-d', '-o');
  const errors = new Map<number, string>();
  let said = '';
  for (const text of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)/.exec(text);
    if (failed) errors.set(Number(failed[1]), said);
    else if (text !== '') said = text;
  }
  const found = stdout.split('\n').filter((l) => l.trim() !== '');
  const answers = asked.map((_, i) => (errors.has(i + 1) ? `error ${errors.get(i + 1)}` : (found.shift() ?? 'nothing')));
  expect(found, 'every line was an answer').toEqual([]);
  return answers;
}

/** IPv6 names the chosen hop first, so their order says nothing. */
const hopsOf = ({dev, gateway, nexthops}: Route): string =>
  (nexthops?.map((h) => `${h.gateway} ${h.dev}`) ?? [`${gateway} ${dev}`]).sort().join();

const words: {readonly [how: string]: RegExp} = {
  'no-route': /Network is unreachable/,
  unreachable: /No route to host|Network is unreachable/,
  prohibit: /Permission denied/,
  blackhole: /Invalid argument/,
};

describe.skipIf(!asRoot).each([4, 6] as const)('IPv%i: lookup answers as the kernel does', (family) => {
  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', ns]);
    for (const [i, dev] of devices.entries()) {
      ip('link', 'add', dev, 'type', 'veth', 'peer', 'name', `${dev}-peer`);
      ip('link', 'set', `${dev}-peer`, 'up');
      ip('link', 'set', dev, 'up');
      ip('addr', 'add', `192.168.${10 + i}.1/24`, 'dev', dev);
      ip('addr', 'add', `fd1${i}::1/64`, 'dev', dev, 'nodad');
    }
    ip('link', 'set', 'lo', 'up');
    // Only the tables are to decide: no source validation, and what comes in is forwarded.
    run([
      'sh',
      '-c',
      'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done; for f in /proc/sys/net/ipv4/conf/*/accept_local /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv6/conf/*/forwarding; do echo 1 >$f; done',
    ]);
  });
  afterAll(() => {
    spawnSync('ip', ['netns', 'del', ns]);
  });

  test('for random rules, tables, metrics and types', () => {
    let asked = 0;
    const of = `-${family}`;
    fc.assert(
      fc.property(worldOf(family), ({routes, rules}) => {
        batch(
          [
            ...tables.map((t) => `route flush table ${t}`),
            'rule flush',
            ...(family === 4 ? ['rule add priority 32767 lookup default'] : []),
            'rule add priority 32766 lookup main',
          ],
          of,
        );
        for (const [i, dev] of devices.entries())
          batch([`route add ${family === 4 ? `192.168.${10 + i}.0/24` : `fd1${i}::/64`} dev ${dev}`], of);
        batch([...routes, ...rules], of);
        const state = readNode({
          node: 'n',
          via: 'test',
          sections: [
            {
              name: family === 4 ? 'ip-route-all' : 'ip-6-route-all',
              command: 'ip -j -d route show table all',
              rc: 0,
              out: ip('-j', '-d', `-${family}`, 'route', 'show', 'table', 'all'),
            },
            {name: family === 4 ? 'ip-rule' : 'ip-6-rule', command: 'ip -j rule show', rc: 0, out: ip('-j', `-${family}`, 'rule', 'show')},
          ],
        });
        expect(state.gaps).toEqual([]);
        const list = queries(family);
        const answers = ask(family, list);
        const differ = list.flatMap((query, i) => {
          const mine = lookup(state, query);
          const kernel = answers[i]!;
          asked += 1;
          const entry =
            mine.kind === 'route'
              ? routeTable.parse(kernel.replaceAll('\\', '\n'), {command: 'ip -d route show table main', family}).rows[0]
              : undefined;
          const same =
            mine.kind === 'route'
              ? entry !== undefined &&
                routeTable.key(entry) === routeTable.key(mine.route) &&
                entry.type === mine.route.type &&
                hopsOf(entry) === hopsOf(mine.route)
              : mine.kind === 'unknown'
                ? false
                : // What comes in and may not go on is `No route to host` whatever the reason.
                  query.iif === undefined || family === 6
                  ? words[mine.kind === 'refused' ? mine.how : 'no-route']!.test(kernel)
                  : kernel.startsWith('error');
          return same
            ? []
            : [
                {
                  query,
                  mine: mine.kind === 'route' ? routeTable.show(mine.route) : mine,
                  kernel,
                  rules: (state.tables.rule ?? []).map(ruleTable.show),
                },
              ];
        });
        expect(differ.slice(0, 2)).toEqual([]);
      }),
      {numRuns: process.env['FLANCTL_TEST_LONG'] === undefined ? 80 : 800, endOnFailure: true},
    );
    expect(asked).toBeGreaterThan(1500);
  }, 750_000);
});
