import '../seed.js';
import {spawn} from 'node:child_process';
import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {runBatches, undoBatches} from '../../src/core/change/batch.js';
import type {Operation} from '../../src/core/change/operation.js';
import {effectOf, expectsOf, irreversible, tookOf} from '../../src/core/change/operations/index.js';
import {inverses} from '../../src/core/change/simulate.js';
import {unmet} from '../../src/core/change/unmet.js';
import type {Route} from '../../src/core/kernel/route.js';
import type {NodeState} from '../../src/core/node/state.js';
import {canMakeNodes, makeNode, type Node} from '../gather/node.js';
import {cut, difference, look, run, tablesOf, undo} from './kernel-node.js';

/** What operations.test.ts has no room for: pods, IPv6 routes that the kernel is particular about, and hundreds of rows at random. */
const setup = `set -e
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
ip -batch - <<'EOF'
link add eth0 type veth peer name peer0
link set peer0 up
addr add 192.168.77.11/24 dev eth0
addr add fd77::11/64 dev eth0 nodad
link set eth0 up
link add flannel.1 address 02:00:00:00:00:01 txqueuelen 0 mtu 1450 type vxlan id 1 local 192.168.77.11 dev eth0 dstport 8472 nolearning
addr add 10.244.1.0/32 dev flannel.1
link set flannel.1 up
link add flannel-v6.1 address 02:00:00:00:06:01 txqueuelen 0 mtu 1430 type vxlan id 1 local fd77::11 dev eth0 dstport 8472 nolearning
addr add fd44:0:0:1::/128 dev flannel-v6.1 nodad
link set flannel-v6.1 up
netns add web-0
link add veth-web type veth peer name eth0 netns web-0
link set veth-web up
EOF
ip -n web-0 addr add 10.244.1.5/24 dev eth0
ip -n web-0 link set eth0 up
`;

const six = (dst: string, more: Partial<Route>): Route => ({
  family: 6,
  table: 'main',
  type: 'unicast',
  dst,
  metric: 1024,
  flags: [],
  ...more,
});
const rowOf = (state: NodeState, dst: string): Route => {
  const rows = (state.tables.route ?? []).filter((r) => r.dst === dst && r.table === 'main');
  if (rows.length !== 1) throw new Error(`${rows.length} routes to ${dst}`);
  return rows[0]!;
};

describe.runIf(canMakeNodes)('operations that the kernel is particular about', () => {
  let node: Node;
  beforeAll(async () => {
    node = await makeNode('n1');
    node.sh(setup);
  });
  afterAll(() => node.stop());

  /** Runs and undoes them from every line they may be cut off at. */
  async function thereAndBack(operations: readonly Operation[], name: string): Promise<void> {
    const state = await look(node);
    const before = [...tablesOf(state), ...pods(state)];
    let expected = state;
    for (const op of operations) {
      expect([expectsOf(op, expected), irreversible(op)], name).toEqual([undefined, undefined]);
      expected = effectOf(op, expected);
    }
    const batches = runBatches(operations);
    expect(run(node, batches), name).toBeUndefined();
    const after = await look(node);
    expect(difference([...tablesOf(expected), ...pods(expected)], [...tablesOf(after), ...pods(after)]), `${name}: effect`).toEqual([]);
    for (const op of operations) expect(tookOf(op, after), name).toBeUndefined();
    const lines = batches.reduce((n, b) => n + b.lines.length, 0);
    for (let at = lines; at >= 0; at--) {
      if (at < lines) run(node, cut(batches, at));
      undo(node, undoBatches(operations));
      const back = await look(node);
      expect(difference(before, [...tablesOf(back), ...pods(back)]), `${name}: undone after ${at} of ${lines} lines`).toEqual([]);
      expect(unmet(inverses(operations), back), name).toEqual([]);
    }
  }
  const pods = ({pods: list}: NodeState): readonly string[] =>
    (list ?? []).flatMap((pod) => (pod.tables.link ?? []).map((l) => `pod ${pod.name} ${l.ifname} ${l.mtu}`));

  test("the MTU of a pod, at both ends of its veth: by its namespace's name, by a process, by its sandbox's host name", async () => {
    const inside = (words: readonly string[]) =>
      spawn('nsenter', ['-t', String(node.pid), '-m', '-u', '-n', '-i', '-p', '--', 'unshare', ...words], {stdio: 'ignore'});
    const script = (name: string): string =>
      `hostname ${name} 2>/dev/null; while ! ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done; ip link set eth0 up; exec sleep 300`;
    const sandboxes = [
      inside(['-n', 'sh', '-c', script('').replace('hostname  2', ': 2')]),
      inside(['-n', '-u', 'sh', '-c', script('web-7')]),
    ];
    const found = `for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$(readlink /proc/self/ns/net)" ] || case $(tr '\\0' ' ' <$p/cmdline) in "sh -c"*) basename $p;; esac; done`;
    const sought = (): readonly string[] => node.sh(found).trim().split('\n').filter(Boolean);
    await expect.poll(() => sought().length, {timeout: 10_000}).toBe(2);
    const pids = sought();
    for (const pid of pids) node.sh(`ip link add veth-${pid} type veth peer name eth0 netns ${pid}; ip link set veth-${pid} up`);
    const ends = [
      {pod: 'web-0', near: 'veth-web', mtu: 'ip -n web-0 -o link show eth0'},
      ...pids.map((pid) => {
        const sandbox = node.sh(`nsenter -t ${pid} -u hostname`).trim();
        return {
          pod: sandbox === 'web-7' ? sandbox : `pid-${pid}`,
          near: `veth-${pid}`,
          mtu: `nsenter -t ${pid} -n ip -o link show eth0`,
        };
      }),
    ];
    expect(ends.map((e) => e.pod.replace(/pid-\d+/, 'pid')).toSorted()).toEqual(['pid', 'web-0', 'web-7']);
    const state = await look(node);
    for (const {pod, near, mtu} of ends) {
      const row = state.tables.link!.find((l) => l.ifname === near)!;
      const both: readonly Operation[] = [
        {on: 'link', do: 'replace', row: {...row, mtu: 1450}, before: row},
        {on: 'pod-link', do: 'replace', pod, dev: 'eth0', before: 1500, to: 1450},
      ];
      const seen = (): readonly (string | undefined)[] =>
        [`ip -o link show ${near}`, mtu].map((words) => /mtu (\d+)/.exec(node.sh(words))?.[1]);
      for (const at of [2, 1, 0]) {
        expect(run(node, cut(runBatches(both), at)), pod).toBeUndefined();
        expect([pod, ...seen()]).toEqual([pod, at > 0 ? '1450' : '1500', at > 1 ? '1450' : '1500']);
        undo(node, undoBatches(both));
        expect([pod, ...seen()]).toEqual([pod, '1500', '1500']);
      }
      // A pod with a namespace of its name is gathered by it: there both ends are compared as a change does.
      if (pod === 'web-0') await thereAndBack(both, pod);
    }
    // A pod that is gone, as pods go: said, and nothing else is touched.
    const before = tablesOf(await look(node));
    const gone: Operation = {on: 'pod-link', do: 'replace', pod: 'web-99', dev: 'eth0', before: 1500, to: 1450};
    expect(expectsOf(gone, state)).toBe('pod web-99 has no eth0');
    expect(run(node, runBatches([gone]))).toMatch(/^sh: /);
    expect(tablesOf(await look(node))).toEqual(before);
    const web: Operation = {...gone, pod: 'web-0'};
    node.sh('ip -n web-0 link set eth0 mtu 1400');
    expect(expectsOf(web, await look(node))).toBe('the MTU of eth0 in pod web-0 is 1400, was 1500');
    expect(tookOf(web, await look(node))).toBe('the MTU of eth0 in pod web-0 is 1400, should be 1450');
    node.sh('ip -n web-0 link set eth0 mtu 1500');
    for (const child of sandboxes) child.kill('SIGKILL');
    for (const pid of pids) node.sh(`kill -9 ${pid} 2>/dev/null; ip link del veth-${pid} 2>/dev/null; true`);
  }, 150_000);

  test('an IPv6 route goes into the tunnel, which the plain command is refused, and back; one hop, several hops, other metrics', async () => {
    node.sh(`ip -batch - <<'EOF'
route add fd44:0:0:2::/64 via fd77::12 dev eth0
route add fd44:0:0:3::/64 nexthop via fd77::13 dev eth0 nexthop via fd77::14 dev eth0
route add fd44:0:0:4::/64 via fd77::14 dev eth0 metric 50 proto static mtu 1400
route add unreachable fd44:0:0:5::/64
EOF`);
    const state = await look(node);
    for (const n of [2, 3, 4]) {
      const before = rowOf(state, `fd44:0:0:${n}::/64`);
      const row = six(before.dst, {gateway: `fd44:0:0:${n}::`, dev: 'flannel-v6.1', flags: ['onlink'], metric: before.metric});
      const plain = node.run(
        ['ip', '-6', 'route', 'replace', ...`${row.dst} via ${row.gateway} dev flannel-v6.1 onlink metric ${row.metric}`.split(' ')],
        '',
      );
      // That is why there are three lines: the kernel resolves the gateway by the row that is to go.
      expect([n, plain.status === 0, plain.stderr.trim()]).toEqual([n, false, expect.stringMatching(/gateway|Nexthop|route/i)]);
      await thereAndBack([{on: 'route', do: 'replace', row, before}], `fd44:0:0:${n}::/64`);
    }
    const several: Route = six('fd44:0:0:2::/64', {
      nexthops: [
        {gateway: 'fd77::15', dev: 'eth0', weight: 1, flags: []},
        {gateway: 'fd77::16', dev: 'eth0', weight: 1, flags: []},
      ],
    });
    await thereAndBack([{on: 'route', do: 'replace', row: several, before: rowOf(state, 'fd44:0:0:2::/64')}], 'one hop to several');
    const away = six('fd44:0:0:3::/64', {gateway: 'fd77::19', dev: 'eth0'});
    await thereAndBack([{on: 'route', do: 'replace', row: away, before: rowOf(state, 'fd44:0:0:3::/64')}], 'several hops to one');
    await thereAndBack([{on: 'route', do: 'del', row: rowOf(state, 'fd44:0:0:3::/64')}], 'several hops go');
  }, 150_000);

  test('an IPv6 route that the kernel refuses: the line is named, no table has moved, and the undo does no harm', async () => {
    const state = await look(node);
    const before = tablesOf(state);
    const was = rowOf(state, 'fd44:0:0:2::/64');
    const refused: readonly (readonly [Partial<Route>, RegExp])[] = [
      [{gateway: 'fd99::1', dev: 'eth0'}, /No route to host|unreachable|Nexthop/i],
      [{gateway: 'fd77::11', dev: 'eth0'}, /Gateway can not be a local address|Invalid/i],
      [{gateway: 'fd77::12', dev: 'nosuch0'}, /Cannot find device/],
    ];
    for (const [more, says] of refused) {
      const op: Operation = {on: 'route', do: 'replace', row: six(was.dst, more), before: was};
      expect(run(node, runBatches([op]))).toMatch(says);
      expect(tablesOf(await look(node))).toEqual(before);
      undo(node, undoBatches([op]));
      const back = await look(node);
      expect(difference(before, tablesOf(back))).toEqual([]);
      expect(unmet([op], back)).not.toEqual([]);
      expect(unmet(inverses([op]), back)).toEqual([]);
    }
  }, 150_000);

  /** One entry at random: what is there, what becomes of it, and after how many lines the run is cut off. */
  const shapes = ['none', 'direct', 'static', 'tunnel', 'blackhole', 'several'] as const;
  const entry = fc.record({
    table: fc.constantFrom('route', 'neigh', 'fdb'),
    family: fc.constantFrom(4 as const, 6 as const),
    from: fc.constantFrom(...shapes),
    to: fc.constantFrom(...shapes),
    hop: fc.integer({min: 12, max: 40}),
    cut: fc.nat(4),
  });
  type Entry = typeof entry extends fc.Arbitrary<infer T> ? T : never;
  const dstOf = ({family}: Entry, i: number): string =>
    family === 4 ? `10.${100 + (i >> 8)}.${i & 255}.0/24` : `fd44:0:1:${i.toString(16)}::/64`;
  const macOf = (i: number): string => `02:00:00:01:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`;

  function routeOf(one: Entry, i: number, shape: Entry['from']): Route | undefined {
    const {family, hop} = one;
    const dst = dstOf(one, i);
    const gateway = family === 4 ? `192.168.77.${hop}` : `fd77::${hop}`;
    const other = family === 4 ? `192.168.77.${hop + 1}` : `fd77::${hop + 1}`;
    const row: Route = {family, table: 'main', type: 'unicast', dst, metric: family === 4 ? 0 : 1024, flags: []};
    if (shape === 'direct') return {...row, gateway, dev: 'eth0'};
    if (shape === 'static') return {...row, gateway, dev: 'eth0', protocol: 'static', metrics: {mtu: 1400}};
    if (shape === 'tunnel')
      return {...row, gateway: dst.slice(0, dst.lastIndexOf('/')), dev: family === 4 ? 'flannel.1' : 'flannel-v6.1', flags: ['onlink']};
    if (shape === 'blackhole') return {...row, type: 'blackhole', ...(family === 6 && {dev: 'lo'})};
    if (shape !== 'several') return undefined;
    const nexthops = [gateway, other].map((hop6) => ({gateway: hop6, dev: 'eth0', weight: 1, flags: []}));
    return {...row, nexthops};
  }
  /** The rows of an entry: an operation is made from what the node then says it has. */
  function rowsOf(one: Entry, i: number): readonly [Operation | undefined, (state: NodeState) => Operation | undefined] {
    const dst = dstOf(one, i).replace(/\/\d+$/, '');
    const dev = one.family === 4 ? 'flannel.1' : 'flannel-v6.1';
    const made = (shape: Entry['from']): {on: 'route' | 'neigh' | 'fdb'; row: object} | undefined => {
      if (one.table === 'route') {
        const row = routeOf(one, i, shape);
        return row && {on: 'route', row};
      }
      if (shape === 'none') return undefined;
      const n = shapes.indexOf(shape);
      if (one.table === 'neigh')
        return {on: 'neigh', row: {family: one.family, dst, dev, lladdr: `02:00:00:02:00:0${n}`, state: ['PERMANENT']}};
      const far = one.family === 4 ? `192.168.77.${one.hop + n}` : `fd77::${one.hop + n}`;
      return {on: 'fdb', row: {mac: macOf(i), dev, dst: far, flags: ['self'], state: 'permanent'}};
    };
    const [from, to] = [made(one.from), made(one.to)];
    const first = from && ({on: from.on, do: 'add', row: from.row} as unknown as Operation);
    return [
      first,
      (state) => {
        const is = (row: {dst?: string; mac?: string; dev?: string; table?: string}): boolean =>
          one.table === 'fdb'
            ? row.mac === macOf(i) && row.dst !== undefined
            : one.table === 'neigh'
              ? row.dst === dst
              : row.dst === dstOf(one, i);
        const found = ((state.tables[one.table as 'route'] ?? []) as readonly object[]).filter(is);
        if ((from === undefined ? 0 : 1) !== found.length) throw new Error(`${JSON.stringify(one)}: ${JSON.stringify(found)}`);
        if (to === undefined) return found[0] && ({on: one.table, do: 'del', row: found[0]} as unknown as Operation);
        return {on: to.on, do: found[0] ? 'replace' : 'add', row: to.row, ...(found[0] && {before: found[0]})} as unknown as Operation;
      },
    ];
  }

  test('hundreds of rows at random: what is done is what effect says, and the undo restores the tables from wherever each was cut off', async () => {
    // One process of `ip` takes neighbouring lines.
    const entries = fc.sample(entry, process.env['FLANCTL_TEST_LONG'] ? 2000 : 300).toSorted((a, b) => (a.table < b.table ? -1 : 1));
    const made = entries.map(rowsOf);
    expect(run(node, runBatches(made.flatMap(([first]) => first ?? [])))).toBeUndefined();
    const state = await look(node);
    const before = tablesOf(state);
    const operations = made.flatMap(([, then], i) => {
      const op = then(state);
      return op === undefined ? [] : [{op, cut: entries[i]!.cut}];
    });
    expect(operations.length).toBeGreaterThan(entries.length / 2);
    expect(operations.flatMap(({op}) => expectsOf(op, state) ?? irreversible(op) ?? [])).toEqual([]);
    const all = operations.map(({op}) => op);
    expect(run(node, runBatches(all))).toBeUndefined();
    const after = await look(node);
    expect(difference(tablesOf(all.reduce((now, op) => effectOf(op, now), state)), tablesOf(after))).toEqual([]);
    expect(unmet(all, after)).toEqual([]);
    undo(node, undoBatches(all));
    expect(difference(before, tablesOf(await look(node)))).toEqual([]);
    // Each cut off somewhere else, and undone twice.
    const partly = operations.flatMap(({op, cut: at}) => cut(runBatches([op]), at));
    const tools = [...new Set(partly.map((b) => b.tool))];
    const together = tools.map((tool) => ({tool, lines: partly.flatMap((b) => (b.tool === tool ? b.lines : []))}));
    expect(run(node, together)).toBeUndefined();
    undo(node, undoBatches(all));
    undo(node, undoBatches(all));
    const back = await look(node);
    expect(difference(before, tablesOf(back))).toEqual([]);
    expect(unmet(inverses(all), back)).toEqual([]);
  }, 300_000);
});
