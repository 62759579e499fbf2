import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {runBatches, undoBatches} from '../../src/core/change/batch.js';
import type {Operation} from '../../src/core/change/operation.js';
import {contentsOf} from '../../src/core/change/operations/contents.js';
import {effectOf, expectsOf, irreversible, tookOf} from '../../src/core/change/operations/index.js';
import {inverses} from '../../src/core/change/simulate.js';
import type {NodeState} from '../../src/core/node/state.js';
import {cut, difference, look as read, run, tablesOf, undo} from '../change/kernel-node.js';
import {makeNode, type Node} from '../gather/node.js';
import {root} from './root.js';

const key = (n: number): string => `${String.fromCharCode(64 + n).repeat(42)}A=`;
// With its module the kernel makes tunl0 in every namespace.
const setup = `set -e
modprobe ipip 2>/dev/null || :
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
ip -batch - <<'EOF'
link add eth0 type veth peer name peer0
link set peer0 up
addr add 192.168.77.11/24 dev eth0
link set eth0 up
EOF
umask 077
wg genkey >/run/flannel/wgkey
wg pubkey </run/flannel/wgkey
`;

/** What a small kernel has no devices for: devices of flannel's ipip and wireguard, and what goes with them. */
describe.skipIf(!root)('operations on ipip and WireGuard devices', () => {
  let node: Node;
  let publicKey: string;
  beforeAll(async () => {
    node = await makeNode('n1');
    publicKey = node.sh(setup).trim();
  });
  afterAll(() => node.stop());

  const sections = ['host', 'ip-link', 'ip-addr', 'ip-route-all', 'ip-6-route-all', 'ip-neigh', 'ip-6-neigh', 'bridge-fdb', 'wg-show'];
  const look = (on: Node): Promise<NodeState> => read(on, sections);

  const address = (dev: string): Operation => ({
    on: 'address',
    do: 'add',
    row: {family: 4, dev, local: '10.244.1.0', prefixlen: 32, scope: 'global', flags: []},
  });
  const rows = (): readonly Operation[] => [
    {
      on: 'link',
      do: 'add',
      row: {ifname: 'flannel.ipip', kind: 'ipip', flags: ['UP'], mtu: 1480, info: {local: '192.168.77.11'}},
    },
    address('flannel.ipip'),
    {
      on: 'route',
      do: 'add',
      row: {
        family: 4,
        table: 'main',
        type: 'unicast',
        dst: '10.244.2.0/24',
        gateway: '192.168.77.12',
        dev: 'flannel.ipip',
        metric: 0,
        flags: ['onlink'],
      },
    },
    {
      on: 'link',
      do: 'add',
      row: {ifname: 'flannel-wg', kind: 'wireguard', flags: ['UP'], mtu: 1420, info: {listenPort: 51820, publicKey}},
    },
    address('flannel-wg'),
    {
      on: 'wg',
      do: 'add',
      row: {
        dev: 'flannel-wg',
        publicKey: key(2),
        endpoint: {address: '192.168.77.12', port: 51820},
        allowedIPs: ['10.244.2.0/24', 'fd44:0:0:2::/64'],
        rxBytes: 0,
        txBytes: 0,
        persistentKeepalive: 25,
      },
    },
    {on: 'wg', do: 'add', row: {dev: 'flannel-wg', publicKey: key(3), allowedIPs: [], rxBytes: 0, txBytes: 0}},
    {
      on: 'route',
      do: 'add',
      row: {family: 4, table: 'main', type: 'unicast', dst: '10.244.0.0/16', dev: 'flannel-wg', metric: 0, flags: [], scope: 'link'},
    },
  ];
  const after = (state: NodeState, operations: readonly Operation[]): NodeState =>
    operations.reduce((now, op) => {
      expect([expectsOf(op, now), irreversible(op)]).toEqual([undefined, undefined]);
      expect(tookOf(op, now)).toBeDefined();
      return effectOf(op, now);
    }, state);

  test('come, change and go as effect says, and are undone from where they were cut off', async () => {
    const before = await look(node);
    const made = rows();
    const expected = after(before, made);
    expect(run(node, runBatches(made))).toBeUndefined();
    const there = await look(node);
    expect(difference(tablesOf(expected), tablesOf(there))).toEqual([]);
    for (const op of made) expect(tookOf(op, there)).toBeUndefined();

    const peer = there.tables.wg!.find((p) => p.publicKey === key(2))!;
    const device = (name: string) => there.tables.link!.find((l) => l.ifname === name)!;
    const changed: readonly Operation[] = [
      {on: 'wg', do: 'replace', row: {...peer, endpoint: {address: '192.168.77.22', port: 7}}, before: peer},
      {on: 'link', do: 'del', row: device('flannel.ipip'), contents: contentsOf(there, 'flannel.ipip')},
    ];
    const gone = after(there, changed);
    expect(run(node, runBatches(changed))).toBeUndefined();
    expect(difference(tablesOf(gone), tablesOf(await look(node)))).toEqual([]);
    undo(node, undoBatches(changed));
    const deletion: readonly Operation[] = [{on: 'link', do: 'del', row: device('flannel-wg'), contents: contentsOf(there, 'flannel-wg')}];
    const without = after(there, deletion);
    expect(run(node, runBatches(deletion))).toBeUndefined();
    expect(difference(tablesOf(without), tablesOf(await look(node)))).toEqual([]);
    undo(node, undoBatches(deletion));
    expect(difference(tablesOf(there), tablesOf(await look(node))), 'made again with all that was on them').toEqual([]);

    expect(run(node, runBatches(inverses(made)))).toBeUndefined();
    expect(difference(tablesOf(before), tablesOf(await look(node)))).toEqual([]);
    const batches = runBatches(made);
    const lines = batches.reduce((n, b) => n + b.lines.length, 0);
    run(node, cut(batches, Math.floor(lines / 2)));
    undo(node, undoBatches(made));
    expect(difference(tablesOf(before), tablesOf(await look(node)))).toEqual([]);
  });

  test('a device whose key is not in the file, or that has a preshared key, is not deleted', async () => {
    const made = rows();
    expect(run(node, runBatches(made))).toBeUndefined();
    const there = await look(node);
    const row = there.tables.link!.find((l) => l.ifname === 'flannel-wg')!;
    const deletion = runBatches([{on: 'link', do: 'del', row, contents: contentsOf(there, 'flannel-wg')}]);
    node.sh(`wg genpsk >/run/psk; wg set flannel-wg peer ${key(2)} preshared-key /run/psk`);
    expect(run(node, deletion)).toMatch(/a peer of flannel-wg has a preshared key/);
    node.sh('wg genkey >/run/flannel/wgkey');
    expect(run(node, deletion)).toMatch(/does not hold the key of flannel-wg/);
    const keys = node.sh('cat /run/flannel/wgkey /run/psk; wg show flannel-wg private-key').trim().split('\n');
    expect(keys).toHaveLength(3);
    const words = JSON.stringify([deletion, undoBatches([{on: 'link', do: 'del', row, contents: contentsOf(there, 'flannel-wg')}])]);
    for (const secret of keys) expect(words).not.toContain(secret);
  });
});
