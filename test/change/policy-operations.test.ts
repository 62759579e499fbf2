import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {runBatches, undoBatches} from '../../src/core/change/batch.js';
import {legible} from '../../src/core/change/legible.js';
import type {Operation} from '../../src/core/change/operation.js';
import {effectOf, expectsOf, irreversible, showOperation, tookOf} from '../../src/core/change/operations/index.js';
import type {Route} from '../../src/core/kernel/route.js';
import type {Rule} from '../../src/core/kernel/rule.js';
import type {NodeState} from '../../src/core/node/state.js';
import {operations as schema} from '../../src/edge/reporters/plan-schema.js';
import {canMakeNodes, makeNode, type Node} from '../gather/node.js';
import {cut, difference, look, run, tablesOf, undo} from './kernel-node.js';

/** A node with one pod of a shared network interface, as model/cloud-modes.md §2.3 has it. */
const setup = `set -e
echo 1 >/proc/sys/net/ipv4/ip_forward
ip -batch - <<'EOF'
link add eth0 type veth peer name peer0
link set peer0 up
addr add 10.0.0.49/24 dev eth0
link set eth0 up
link add eth1 type veth peer name peer1
link set peer1 up
addr add 10.0.0.52/32 dev eth1
link set eth1 up
netns add pod-b
link add eni8ba8b48a483 type veth peer name eth0 netns pod-b
link set eni8ba8b48a483 up
route add 10.0.0.44 dev eni8ba8b48a483 scope link
rule add to 10.0.0.44 lookup main pref 512
rule add to 10.0.0.41 lookup main pref 512
rule add from 10.0.0.44 lookup 100 pref 1536
EOF
ip -n pod-b addr add 10.0.0.44/32 dev eth0
ip -n pod-b link set eth0 up
ip -n pod-b route add 169.254.1.1 dev eth0
`;

const rule = (priority: number, more: Partial<Rule>): Rule => ({family: 4, priority, action: 'lookup', table: 'main', ...more});
const route = (dst: string, more: Partial<Route>): Route => ({
  family: 4,
  table: 'main',
  type: 'unicast',
  dst,
  metric: 0,
  flags: [],
  ...more,
});
const inside = ({pods}: NodeState): readonly string[] =>
  (pods ?? []).flatMap((pod) => [
    ...(pod.tables.route ?? [])
      .filter((r) => r.table === 'main' && r.family === 4)
      .map((r) => `${pod.name} ${r.dst} ${r.gateway ?? ''} ${r.scope}`),
    ...(pod.tables.neigh ?? []).filter((n) => n.state.includes('PERMANENT')).map((n) => `${pod.name} ${n.dst} ${n.lladdr}`),
  ]);

describe.runIf(canMakeNodes)('operations of policy routing', () => {
  let node: Node;
  beforeAll(async () => {
    node = await makeNode('n1');
    node.sh(setup);
  });
  afterAll(() => node.stop());

  /** Runs and undoes them from every line they may be cut off at; the undo twice. */
  async function thereAndBack(list: readonly Operation[]): Promise<NodeState> {
    const state = await look(node);
    const all = (s: NodeState): readonly string[] => [...tablesOf(s), ...inside(s)];
    let expected = state;
    for (const op of list) {
      expect([expectsOf(op, expected), irreversible(op)], showOperation(op)).toEqual([undefined, undefined]);
      expected = effectOf(op, expected);
    }
    expect(schema.parse(JSON.parse(JSON.stringify(list))), 'as a journal keeps it').toEqual(JSON.parse(JSON.stringify(list)));
    const batches = runBatches(list);
    expect(run(node, batches)).toBeUndefined();
    const after = await look(node);
    expect(difference(all(expected), all(after)), 'effect').toEqual([]);
    for (const op of list) expect(tookOf(op, after)).toBeUndefined();
    const lines = batches.reduce((n, b) => n + b.lines.length, 0);
    for (const at of [lines, Math.ceil(lines / 2), 0]) {
      if (at < lines) run(node, cut(batches, at));
      undo(node, undoBatches(list));
      undo(node, undoBatches(list));
      expect(difference(all(state), all(await look(node))), `undone after ${at} of ${lines} lines`).toEqual([]);
    }
    return state;
  }

  test('rules of both families, a table of an interface, and what goes with a pod that is gone', async () => {
    await thereAndBack([
      {on: 'rule', do: 'add', row: rule(1024, {dst: '172.20.0.0/26'})},
      {on: 'rule', do: 'add', row: rule(1024, {fwmark: 0x80, fwmask: 0x80})},
      {on: 'rule', do: 'add', row: {...rule(1536, {src: '10.0.0.41/32', table: '100'})}},
      {on: 'rule', do: 'add', row: {...rule(512, {dst: '2001:db8::44/128'}), family: 6}},
      {on: 'rule', do: 'del', row: rule(512, {dst: '10.0.0.41/32'})},
      {on: 'rule', do: 'del', row: rule(1536, {src: '10.0.0.44/32', table: '100'})},
      {on: 'route', do: 'add', row: route('0.0.0.0/0', {gateway: '10.0.0.1', dev: 'eth1', table: '100', flags: ['onlink']})},
      {on: 'route', do: 'del', row: route('10.0.0.44/32', {dev: 'eni8ba8b48a483', scope: 'link', protocol: 'boot'})},
    ]);
  });

  test("a pod's gateway: the neighbour that nobody answers for, and its routes", async () => {
    const row = {family: 4 as const, dst: '169.254.1.1', dev: 'eth0', lladdr: 'e2:62:fb:d2:cb:28', state: ['PERMANENT']};
    const list: readonly Operation[] = [
      {on: 'pod-neigh', do: 'replace', pod: 'pod-b', row, before: undefined},
      {on: 'pod-route', do: 'add', pod: 'pod-b', row: route('0.0.0.0/0', {gateway: '169.254.1.1', dev: 'eth0'})},
    ];
    await thereAndBack(list);
    expect(legible(list).map(({run: words, undo: back}) => [...words, ...back])).toEqual([
      [
        'in pod pod-b: ip neigh replace 169.254.1.1 lladdr e2:62:fb:d2:cb:28 dev eth0 nud permanent',
        'in pod pod-b: ip neigh del 169.254.1.1 dev eth0',
      ],
      ['in pod pod-b: ip route add default via 169.254.1.1 dev eth0', 'in pod pod-b: ip route del default via 169.254.1.1 dev eth0'],
    ]);
    node.sh('ip -n pod-b neigh replace 169.254.1.1 lladdr 02:00:00:00:00:09 dev eth0 nud permanent');
    await thereAndBack([{on: 'pod-neigh', do: 'replace', pod: 'pod-b', row, before: {...row, lladdr: '02:00:00:00:00:09'}}]);
    expect(expectsOf(list[0]!, await look(node))).toBe('neighbour 169.254.1.1 of pod pod-b has 02:00:00:00:00:09, had none');
  });

  test('what flanctl could not write again it does not take away, and one that is there it does not add', async () => {
    const state = await look(node);
    expect(expectsOf({on: 'rule', do: 'add', row: rule(512, {dst: '10.0.0.44/32'})}, state)).toBe(
      'rule 512: from all to 10.0.0.44 lookup main is there',
    );
    expect(expectsOf({on: 'rule', do: 'del', row: rule(513, {dst: '10.0.0.44/32'})}, state)).toBe(
      'rule 513: from all to 10.0.0.44 lookup main is not there',
    );
    expect(irreversible({on: 'rule', do: 'del', row: rule(100, {ipproto: 'tcp'})})).toBe(
      'flanctl does not write rules like "100: from all ipproto tcp lookup main"',
    );
    expect(expectsOf({on: 'rule', do: 'add', row: rule(9, {iif: 'a b'})}, state)).toMatch(/cannot be written in a batch safely/);
  });
});
