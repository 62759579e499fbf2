import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {runBatches, undoBatches} from '../../src/core/change/batch.js';
import type {Operation} from '../../src/core/change/operation.js';
import {contentsOfAddress} from '../../src/core/change/operations/address.js';
import {contentsOf, neighboursOf} from '../../src/core/change/operations/contents.js';
import {effectOf, expectsOf, inverseOf, irreversible, tookOf} from '../../src/core/change/operations/index.js';
import type {Plan} from '../../src/core/change/plan.js';
import {inverses, simulate} from '../../src/core/change/simulate.js';
import {stale} from '../../src/core/change/stale.js';
import {unmet} from '../../src/core/change/unmet.js';
import type {Link} from '../../src/core/kernel/link.js';
import type {Route} from '../../src/core/kernel/route.js';
import type {XfrmPolicy} from '../../src/core/kernel/xfrm.js';
import type {NodeState} from '../../src/core/node/state.js';
import {canMakeNodes, makeNode, type Node} from '../gather/node.js';
import {cut, difference, look, run, tablesOf, undo} from './kernel-node.js';

/** A node with both families on vxlan, and some rows that are not flannel's. */
const setup = `set -e
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
echo 1 >/proc/sys/net/ipv4/ip_forward
ip -batch - <<'EOF'
link add eth0 type veth peer name peer0
link set peer0 up
addr add 192.168.77.11/24 dev eth0
addr add fd77::11/64 dev eth0 nodad
link set eth0 up
link add eth1 type veth peer name peer1
link set peer1 up
addr add 172.16.0.1/24 dev eth1
link set eth1 up
link add flannel.1 address 02:00:00:00:00:01 txqueuelen 0 mtu 1450 type vxlan id 1 local 192.168.77.11 dev eth0 dstport 8472 nolearning
addr add 10.244.1.0/32 dev flannel.1
link set flannel.1 up
link add flannel-v6.1 address 02:00:00:00:06:01 txqueuelen 0 mtu 1430 type vxlan id 1 local fd77::11 dev eth0 dstport 8472 nolearning
addr add fd44:0:0:1::/128 dev flannel-v6.1 nodad
link set flannel-v6.1 up
neigh add 10.244.2.0 lladdr 02:00:00:00:00:02 dev flannel.1 nud permanent
neigh add fd44:0:0:2:: lladdr 02:00:00:00:06:02 dev flannel-v6.1 nud permanent
route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
route add fd44:0:0:2::/64 via fd44:0:0:2:: dev flannel-v6.1 onlink
route add 10.244.9.0/24 via 192.168.77.19 dev eth0 metric 50 proto static mtu 1400
route add blackhole 10.244.8.0/24
route add fd44:0:0:9::/64 via fd77::19 dev eth0
EOF
ip xfrm policy add src 10.244.1.0/24 dst 10.244.2.0/24 dir out tmpl src 192.168.77.11 dst 192.168.77.12 proto esp reqid 11 mode tunnel
ip xfrm policy add src 10.244.2.0/24 dst 10.244.1.0/24 dir fwd priority 7 tmpl src 192.168.77.12 dst 192.168.77.11 proto esp reqid 11 mode tunnel
bridge fdb add 02:00:00:00:00:02 dev flannel.1 dst 192.168.77.12 self permanent
bridge fdb add 02:00:00:00:06:02 dev flannel-v6.1 dst fd77::12 self permanent
echo 1 >/proc/sys/net/ipv4/conf/flannel.1/rp_filter
mkdir -p /run/flannel
printf 'FLANNEL_NETWORK=10.244.0.0/16\\nFLANNEL_SUBNET=10.244.1.1/24\\nFLANNEL_MTU=1450\\n' >/run/flannel/subnet.env
`;

const via = (dst: string, gateway: string, dev: string, more: Partial<Route> = {}): Route => {
  const family = dst.includes(':') ? 6 : 4;
  return {
    family,
    table: 'main',
    type: 'unicast',
    dst,
    gateway,
    dev,
    metric: family === 6 ? 1024 : 0,
    flags: dev.startsWith('flannel') ? ['onlink'] : [],
    ...more,
  };
};
const found = <T>(rows: readonly T[] | undefined, is: (row: T) => boolean): T => {
  const row = rows?.find(is);
  if (row === undefined) throw new Error('no such row');
  return row;
};

/** Operations that fit the node as set up, one of each sort, made from what was gathered. */
function pool(state: NodeState): {readonly [name: string]: readonly Operation[]} {
  const {tables} = state;
  const route = (dst: string) => found(tables.route, (r) => r.dst === dst && r.table === 'main');
  const device = (name: string) => found(tables.link, (l) => l.ifname === name);
  const neigh = found(tables.neigh, (n) => n.dst === '10.244.2.0');
  const fdb = found(tables.fdb, (f) => f.mac === '02:00:00:00:00:02');
  const address = found(tables.address, (a) => a.local === '10.244.1.0');
  const other: Link = {
    ifname: 'flannel.7',
    kind: 'vxlan',
    flags: ['UP'],
    mtu: 1450,
    address: '02:00:00:00:07:01',
    info: {id: 7, local: '192.168.77.11', link: 'eth0', port: 8473, learning: false},
  };
  const flannel = device('flannel.1');
  const policy = (dir: XfrmPolicy['dir']) => found(tables.xfrm, (p) => p.dir === dir);
  const [there, through] = [policy('out'), policy('fwd')];
  const tmpl = [{src: '192.168.77.13', dst: '192.168.77.11', proto: 'esp', reqid: 11, mode: 'tunnel'}];
  return {
    'a policy comes': [
      {on: 'xfrm', do: 'add', row: {dir: 'in', src: '10.244.3.0/24', dst: '10.244.1.0/24', priority: 0, action: 'allow', tmpl}},
    ],
    'a policy changes': [{on: 'xfrm', do: 'replace', row: {...through, action: 'block', priority: 0, tmpl: []}, before: through}],
    'a policy goes': [{on: 'xfrm', do: 'del', row: there}],
    'a route comes': [{on: 'route', do: 'add', row: via('10.244.3.0/24', '10.244.3.0', 'flannel.1')}],
    'an IPv6 route comes': [{on: 'route', do: 'add', row: via('fd44:0:0:3::/64', 'fd44:0:0:3::', 'flannel-v6.1')}],
    'a route flips to direct': [
      {on: 'route', do: 'replace', row: via('10.244.2.0/24', '192.168.77.12', 'eth0'), before: route('10.244.2.0/24')},
    ],
    'an IPv6 route flips to direct': [
      {on: 'route', do: 'replace', row: via('fd44:0:0:2::/64', 'fd77::12', 'eth0'), before: route('fd44:0:0:2::/64')},
    ],
    'an IPv6 route flips to vxlan': [
      {on: 'route', do: 'replace', row: via('fd44:0:0:9::/64', 'fd44:0:0:9::', 'flannel-v6.1'), before: route('fd44:0:0:9::/64')},
    ],
    'a route with metrics of its own is replaced': [
      {on: 'route', do: 'replace', row: via('10.244.9.0/24', '192.168.77.19', 'eth0', {metric: 50}), before: route('10.244.9.0/24')},
    ],
    'a blackhole becomes a route': [
      {on: 'route', do: 'replace', row: via('10.244.8.0/24', '192.168.77.18', 'eth0'), before: route('10.244.8.0/24')},
    ],
    'a route with metrics of its own goes': [{on: 'route', do: 'del', row: route('10.244.9.0/24')}],
    'an IPv6 route goes': [{on: 'route', do: 'del', row: route('fd44:0:0:9::/64')}],
    'a neighbour comes': [
      {on: 'neigh', do: 'add', row: {family: 4, dst: '10.244.3.0', dev: 'flannel.1', lladdr: '02:00:00:00:00:03', state: ['PERMANENT']}},
    ],
    'a neighbour changes': [{on: 'neigh', do: 'replace', row: {...neigh, lladdr: '02:00:00:00:00:22'}, before: neigh}],
    'a neighbour goes': [{on: 'neigh', do: 'del', row: neigh}],
    'an fdb entry comes': [
      {on: 'fdb', do: 'add', row: {mac: '02:00:00:00:00:03', dev: 'flannel.1', dst: '192.168.77.13', flags: ['self'], state: 'permanent'}},
    ],
    'an fdb entry changes': [{on: 'fdb', do: 'replace', row: {...fdb, dst: '192.168.77.22'}, before: fdb}],
    'an fdb entry goes': [{on: 'fdb', do: 'del', row: fdb}],
    'an address comes': [
      {on: 'address', do: 'add', row: {family: 4, dev: 'flannel.1', local: '10.244.7.0', prefixlen: 32, scope: 'global', flags: []}},
    ],
    'an address changes its length': [{on: 'address', do: 'replace', row: {...address, prefixlen: 24}, before: address}],
    'the last address of a device goes': [{on: 'address', do: 'del', row: address, contents: contentsOfAddress(state, address)}],
    'a device is made': [{on: 'link', do: 'add', row: other}],
    'a device changes in place': [
      {
        on: 'link',
        do: 'replace',
        row: {
          ...flannel,
          mtu: 1400,
          address: '02:00:00:00:00:11',
          info: {...flannel.info, link: 'eth1', local: '172.16.0.1', learning: true},
        },
        before: flannel,
        contents: neighboursOf(state, 'flannel.1'),
      },
    ],
    'a setting changes': [{on: 'sysctl', do: 'replace', key: 'net/ipv4/conf/eth1/rp_filter', to: '2', before: '0'}],
    'a file changes': [
      {
        on: 'file',
        do: 'replace',
        path: '/run/flannel/subnet.env',
        to: "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1500\n# 100% 'quoted' \\n ü\n",
        before: 'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\n',
      },
    ],
  };
}

/** Those that need others before them, or take much with them. */
function chains(state: NodeState): {readonly [name: string]: readonly Operation[]} {
  const flannel = found(state.tables.link, (l) => l.ifname === 'flannel.1');
  const six = found(state.tables.link, (l) => l.ifname === 'flannel-v6.1');
  const {link: _, ...more} = flannel;
  return {
    'a device goes with all it holds': [{on: 'link', do: 'del', row: flannel, contents: contentsOf(state, 'flannel.1')}],
    'an IPv6 device goes with all it holds': [{on: 'link', do: 'del', row: six, contents: contentsOf(state, 'flannel-v6.1')}],
    'a device is made anew with another port': [
      {on: 'link', do: 'del', row: flannel, contents: contentsOf(state, 'flannel.1')},
      {on: 'link', do: 'add', row: {...more, info: {...flannel.info, port: 8500}}},
      {on: 'address', do: 'add', row: found(state.tables.address, (a) => a.local === '10.244.1.0')},
      {on: 'neigh', do: 'add', row: found(state.tables.neigh, (n) => n.dst === '10.244.2.0')},
      {on: 'fdb', do: 'add', row: found(state.tables.fdb, (f) => f.mac === '02:00:00:00:00:02')},
      {on: 'route', do: 'add', row: found(state.tables.route, (r) => r.dst === '10.244.2.0/24')},
    ],
    'forwarding goes off, one device kept on': [
      {on: 'sysctl', do: 'replace', key: 'net/ipv4/conf/eth1/forwarding', to: '0', before: '1'},
      {on: 'sysctl', do: 'replace', key: 'net/ipv4/ip_forward', to: '0', before: '1'},
    ],
  };
}

/** What an operation touches, without what it makes of it. */
function entriesOf(op: Operation): readonly string[] {
  if (op.on === 'sysctl') return [op.key];
  if (op.on === 'file') return [op.path];
  if (op.on === 'pod-link') return [`${op.pod} ${op.dev}`];
  if (op.on === 'kube') return [op.namespace];
  if (op.on === 'link') return [op.row.ifname];
  if (op.on === 'address') return [`${op.row.dev} ${op.row.local}`];
  if (op.on === 'fdb') return [`${op.row.dev} ${op.row.mac}`];
  if (op.on === 'wg') return [`${op.row.dev} ${op.row.publicKey}`];
  if (op.on === 'xfrm') return [`${op.row.dir} ${op.row.src} ${op.row.dst}`];
  return [`${op.on} ${op.row.dst}`];
}

const planOf = (operations: readonly Operation[]): Plan => ({
  what: 'apply',
  to: {type: 'vxlan', settings: {vni: 1, port: 8472, directRouting: false, learning: false, gbp: false}},
  stages: [{phase: 'build', title: 'build', work: [{node: 'n1', operations}]}],
  warnings: [],
  irreversible: [],
  left: [],
});

describe.runIf(canMakeNodes)('operations on the real kernel', () => {
  let node: Node;
  beforeAll(async () => {
    node = await makeNode('n1');
    node.sh(setup);
  });
  afterAll(() => node.stop());

  const all = async () => {
    const state = await look(node);
    return {state, lists: {...pool(state), ...chains(state)}};
  };

  test('each does what effect says, took sees it, its inverse restores the tables, and from any line it was cut off at so does the undo', async () => {
    const {state, lists} = await all();
    const before = tablesOf(state);
    for (const [name, operations] of Object.entries(lists)) {
      let expected = state;
      for (const op of operations) {
        expect(expectsOf(op, expected), name).toBeUndefined();
        expect(irreversible(op), name).toBeUndefined();
        expect(tookOf(op, expected), `${name}: it is not there before`).toBeDefined();
        expected = effectOf(op, expected);
      }
      expect(run(node, runBatches(operations)), name).toBeUndefined();
      const after = await look(node);
      expect(difference(tablesOf(expected), tablesOf(after)), `${name}: effect`).toEqual([]);
      for (const op of operations)
        if (op.on !== 'link' || op.do !== 'del' || operations.length === 1) expect(tookOf(op, after), name).toBeUndefined();
      expect(unmet(operations, after), name).toEqual([]);
      expect(unmet(inverses(operations), after), `${name}: nothing of it is undone`).not.toEqual([]);
      expect(run(node, runBatches(inverses(operations))), `${name}: inverse`).toBeUndefined();
      const again = await look(node);
      expect(difference(before, tablesOf(again)), `${name}: inverse`).toEqual([]);
      expect(unmet(inverses(operations), again), `${name}: inverse`).toEqual([]);
      const batches = runBatches(operations);
      const lines = batches.reduce((n, b) => n + b.lines.length, 0);
      for (let at = 0; at <= lines; at++) {
        run(node, cut(batches, at));
        undo(node, undoBatches(operations));
        if (at % 2 === 1) undo(node, undoBatches(operations));
        expect(difference(before, tablesOf(await look(node))), `${name}: undone after ${at} of ${lines} lines`).toEqual([]);
      }
    }
  }, 750_000);

  test('any row of operations, cut off anywhere, is undone', async () => {
    const {state, lists} = await all();
    const before = tablesOf(state);
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(Object.keys(lists), {minLength: 2}),
        fc.double({min: 0, max: 1, noNaN: true}),
        async (names, where) => {
          const operations: Operation[] = [];
          let now = state;
          const touched = new Set<string>();
          for (const unit of names.map((name) => lists[name]!)) {
            const entries = unit.flatMap(entriesOf);
            // As in a plan: an entry is touched once, but for a device that is made anew.
            if (entries.some((entry) => touched.has(entry)) || stale(planOf(unit), new Map([['n1', now]])).length > 0) continue;
            operations.push(...unit);
            for (const entry of entries) touched.add(entry);
            now = simulate(now, unit);
          }
          const batches = runBatches(operations);
          const lines = batches.reduce((n, b) => n + b.lines.length, 0);
          const at = Math.round(where * lines);
          const said = run(node, cut(batches, at));
          if (at === lines && said === undefined) expect(difference(tablesOf(now), tablesOf(await look(node)))).toEqual([]);
          undo(node, undoBatches(operations));
          expect(difference(before, tablesOf(await look(node)))).toEqual([]);
          expect(said).toBeUndefined();
        },
      ),
      // A failure leaves the node as it is: smaller cases of it would start from there.
      {numRuns: process.env['FLANCTL_TEST_LONG'] ? 200 : 12, endOnFailure: true},
    );
  }, 750_000);

  test('the inverse restores what effect made, on paper as well', async () => {
    const {state, lists} = await all();
    for (const [name, operations] of Object.entries(lists)) {
      const there = simulate(state, operations);
      expect(difference(tablesOf(state), tablesOf(there)), name).not.toEqual([]);
      expect(difference(tablesOf(state), tablesOf(simulate(there, inverses(operations)))), name).toEqual([]);
      for (const op of operations) expect(inverseOf(op).length, name).toBeGreaterThan(0);
    }
  });

  test('what moved since is told before anything runs', async () => {
    const {state, lists} = await all();
    for (const [name, operations] of Object.entries(lists)) {
      const moved = simulate(state, operations);
      // Done already: none of them fits any more.
      expect(
        operations.filter((op) => expectsOf(op, moved) === undefined && !(op.on === 'link' && op.do === 'del')),
        name,
      ).toEqual([]);
    }
  });
});
