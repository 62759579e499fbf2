import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import type {Lease} from '../../src/core/flannel/lease.js';
import {type DiffRow, type DiffTable, diff} from '../../src/core/model/diff.js';
import {hostGw} from '../../src/core/modes/host-gw.js';
import {ipip} from '../../src/core/modes/ipip.js';
import type {ExpectContext, Expected} from '../../src/core/modes/mode.js';
import {udp} from '../../src/core/modes/udp.js';
import {vxlan} from '../../src/core/modes/vxlan.js';

/** What flannel was seen to write (flannel v0.20.2 on eth0 192.168.77.1/24), as `ip -j` prints it. */
const self: Lease = {
  node: 'n1',
  backendType: 'vxlan',
  subnet: '10.244.1.0/24',
  ipv6Subnet: 'fd44:0:0:1::/64',
  publicIP: '192.168.77.1',
  publicIPv6: 'fd77::1',
  vtepMAC: '8a:be:b3:26:bc:c4',
  vtepMACv6: '8a:be:b3:26:bc:c5',
};
const peer: Lease = {
  node: 'n2',
  backendType: 'vxlan',
  subnet: '10.244.2.0/24',
  ipv6Subnet: 'fd44:0:0:2::/64',
  publicIP: '192.168.77.2',
  publicIPv6: 'fd77::2',
  vtepMAC: '56:e4:13:c2:27:0e',
  vtepMACv6: 'c6:0f:03:7a:78:3f',
};
const context = (settings = vxlan.settings({}), adjacent: boolean | undefined = true): ExpectContext => ({
  settings,
  self,
  peers: [peer],
  uplink: {name: 'eth0', mtu: 1500},
  adjacent: () => adjacent,
  networks: ['10.244.0.0/16', 'fd44::/56'],
});
const rows = <T extends DiffTable>(expected: Expected, table: T): readonly DiffRow[T][] =>
  (expected[table] as readonly unknown[] as readonly {row: DiffRow[T]}[]).map((w) => w.row);

describe('vxlan', () => {
  const expected = vxlan.expect(context());
  test('devices', () => {
    expect(rows(expected, 'link')).toEqual([
      {
        ifname: 'flannel.1',
        kind: 'vxlan',
        flags: ['UP'],
        mtu: 1450,
        address: '8a:be:b3:26:bc:c4',
        info: {id: 1, local: '192.168.77.1', link: 'eth0', port: 8472, learning: false},
      },
      {
        ifname: 'flannel-v6.1',
        kind: 'vxlan',
        flags: ['UP'],
        mtu: 1430,
        address: '8a:be:b3:26:bc:c5',
        info: {id: 1, local6: 'fd77::1', link: 'eth0', port: 8472, learning: false},
      },
    ]);
    expect(rows(expected, 'address').map((a) => [a.dev, a.local, a.prefixlen])).toEqual([
      ['flannel.1', '10.244.1.0', 32],
      ['flannel-v6.1', 'fd44:0:0:1::', 128],
    ]);
  });
  test('rows for a peer', () => {
    expect(rows(expected, 'route')).toEqual([
      {
        family: 4,
        table: 'main',
        type: 'unicast',
        dst: '10.244.2.0/24',
        gateway: '10.244.2.0',
        dev: 'flannel.1',
        metric: 0,
        flags: ['onlink'],
      },
      {
        family: 6,
        table: 'main',
        type: 'unicast',
        dst: 'fd44:0:0:2::/64',
        gateway: 'fd44:0:0:2::',
        dev: 'flannel-v6.1',
        metric: 1024,
        flags: ['onlink'],
      },
    ]);
    expect(rows(expected, 'neigh')).toEqual([
      {family: 4, dst: '10.244.2.0', dev: 'flannel.1', lladdr: '56:e4:13:c2:27:0e', state: ['PERMANENT']},
      {family: 6, dst: 'fd44:0:0:2::', dev: 'flannel-v6.1', lladdr: 'c6:0f:03:7a:78:3f', state: ['PERMANENT']},
    ]);
    expect(rows(expected, 'fdb')).toEqual([
      {mac: '56:e4:13:c2:27:0e', dev: 'flannel.1', dst: '192.168.77.2', flags: ['self'], state: 'permanent'},
      {mac: 'c6:0f:03:7a:78:3f', dev: 'flannel-v6.1', dst: 'fd77::2', flags: ['self'], state: 'permanent'},
    ]);
  });
  test('a direct peer has a plain route, and its other rows may be there or not', () => {
    const direct = vxlan.expect(context(vxlan.settings({directrouting: true})));
    expect(rows(direct, 'route')[0]).toEqual({
      family: 4,
      table: 'main',
      type: 'unicast',
      dst: '10.244.2.0/24',
      gateway: '192.168.77.2',
      dev: 'eth0',
      metric: 0,
      flags: [],
    });
    expect([...direct.neigh, ...direct.fdb].every((w) => w.tolerated)).toBe(true);
    const far = vxlan.expect(context(vxlan.settings({directrouting: true}), false));
    expect(rows(far, 'route')).toEqual(rows(expected, 'route'));
    expect([...far.neigh, ...far.fdb].some((w) => w.tolerated)).toBe(false);
    const unknown = vxlan.expect({...context(vxlan.settings({directrouting: true})), adjacent: () => undefined});
    expect([...unknown.neigh, ...unknown.fdb].every((w) => w.tolerated)).toBe(true);
  });
  test('VNI, port and MTU of the configuration', () => {
    const other = vxlan.expect(context(vxlan.settings({vni: 7, port: 4789, mtu: 1400})));
    expect(rows(other, 'link').map((l) => [l.ifname, l.mtu, l.info?.['id'], l.info?.['port']])).toEqual([
      ['flannel.7', 1350, 7, 4789],
      ['flannel-v6.7', 1350, 7, 4789],
    ]);
    expect(vxlan.podMtu(vxlan.settings({}), 1500)).toBe(1450);
    // Not clamped, as flanneld does not (§2.1).
    expect(vxlan.podMtu(vxlan.settings({mtu: 9000}), 1500)).toBe(8950);
  });
});

test('host-gw: one plain route for each peer and family, and nothing else', () => {
  const expected = hostGw.expect(context());
  expect(rows(expected, 'route')).toEqual([
    {family: 4, table: 'main', type: 'unicast', dst: '10.244.2.0/24', gateway: '192.168.77.2', dev: 'eth0', metric: 0, flags: []},
    {family: 6, table: 'main', type: 'unicast', dst: 'fd44:0:0:2::/64', gateway: 'fd77::2', dev: 'eth0', metric: 1024, flags: []},
  ]);
  expect([expected.link, expected.address, expected.neigh, expected.fdb]).toEqual([[], [], [], []]);
  expect(hostGw.podMtu(hostGw.settings({}), 1500)).toBe(1500);
});

describe('ipip', () => {
  test('a device without a far end, and a route whose gateway is the outer destination', () => {
    const expected = ipip.expect(context(ipip.settings({})));
    expect(rows(expected, 'link')).toEqual([
      {ifname: 'flannel.ipip', kind: 'ipip', flags: ['UP'], mtu: 1480, info: {local: '192.168.77.1'}},
    ]);
    expect(rows(expected, 'address').map((a) => [a.dev, a.local, a.prefixlen])).toEqual([['flannel.ipip', '10.244.1.0', 32]]);
    const toPeer = {family: 4, table: 'main', type: 'unicast', dst: '10.244.2.0/24', gateway: '192.168.77.2', metric: 0, flags: ['onlink']};
    expect(rows(expected, 'route')).toEqual([{...toPeer, dev: 'flannel.ipip'}]);
    // Direct routes are onlink as well (§4.3).
    expect(rows(ipip.expect(context(ipip.settings({directrouting: true}))), 'route')).toEqual([{...toPeer, dev: 'eth0'}]);
    expect(rows(ipip.expect(context(ipip.settings({directrouting: true}), false)), 'route')).toEqual([{...toPeer, dev: 'flannel.ipip'}]);
    expect([expected.neigh, expected.fdb]).toEqual([[], []]);
  });
  test('no other key of the Backend object counts', () => {
    expect(ipip.podMtu(ipip.settings({mtu: 9000}), 1500)).toBe(1480);
  });
  test('a far end on the device differs: everything would go there', () => {
    const expected = ipip.expect(context(ipip.settings({})));
    const [device] = rows(expected, 'link');
    expect(diff('link', expected.link, [{...device!, info: {...device!.info, remote: '192.168.77.9'}}])).toMatchObject([
      {kind: 'differs', fields: ['remote']},
    ]);
  });
});

describe('udp', () => {
  test('one route for the whole network into the TUN device', () => {
    const expected = udp.expect(context(udp.settings({})));
    expect(rows(expected, 'link')).toEqual([{ifname: 'flannel0', kind: 'tun', flags: ['UP'], mtu: 1472}]);
    expect(rows(expected, 'route')).toEqual([
      {family: 4, table: 'main', type: 'unicast', dst: '10.244.0.0/16', dev: 'flannel0', metric: 0, flags: []},
    ]);
    expect(udp.settings({}).port).toBe(8285);
    expect(udp.settings({port: 9000}).port).toBe(9000);
    expect(udp.podMtu(udp.settings({}), 1500)).toBe(1472);
  });
  test("its address with the network's prefix length is v0.9's and as right; any other is not", () => {
    const {address} = udp.expect(context(udp.settings({})));
    const [row] = address.map((w) => w.row);
    expect(row).toMatchObject({dev: 'flannel0', local: '10.244.1.0', prefixlen: 32});
    expect(diff('address', address, [row!])).toEqual([]);
    expect(diff('address', address, [{...row!, prefixlen: 16}])).toEqual([]);
    expect(diff('address', address, [{...row!, prefixlen: 24}])).toMatchObject([{kind: 'differs', fields: ['prefixlen']}]);
  });
});

describe('diff', () => {
  const peers = fc.uniqueArray(fc.integer({min: 2, max: 250}), {minLength: 1, maxLength: 12}).map((list) =>
    list.map(
      (n): Lease => ({
        node: `n${n}`,
        backendType: 'vxlan',
        subnet: `10.244.${n}.0/24`,
        ipv6Subnet: `fd44:0:0:${n.toString(16)}::/64`,
        publicIP: `192.168.77.${n}`,
        publicIPv6: `fd77::${n.toString(16)}`,
        vtepMAC: `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`,
        vtepMACv6: `02:00:00:00:06:${n.toString(16).padStart(2, '0')}`,
      }),
    ),
  );
  const mode = fc.constantFrom(vxlan, hostGw, ipip, udp);
  const tables: readonly DiffTable[] = ['link', 'address', 'route', 'neigh', 'fdb'];

  test('what is as it should be has no difference; what is taken away is missing; what is too much is unexpected', () => {
    fc.assert(
      fc.property(mode, peers, fc.constantFrom(...tables), fc.nat(), (m, list, table, at) => {
        const expected = m.expect({...context(), peers: list});
        const wants = expected[table] as readonly unknown[] as readonly never[];
        const have = rows(expected, table) as readonly unknown[] as readonly never[];
        expect(diff(table, wants, have)).toEqual([]);
        expect(diff(table, wants, [...have].reverse())).toEqual([]);
        if (have.length === 0) return;
        const i = at % have.length;
        expect(diff(table, wants, have.toSpliced(i, 1))).toEqual([{kind: 'missing', want: wants[i]}]);
        expect(diff(table, wants.toSpliced(i, 1), have)).toEqual([{kind: 'unexpected', actual: have[i]}]);
        expect(diff(table, wants, [])).toHaveLength(wants.length);
      }),
      {numRuns: 300},
    );
  });
  test('what differs names the fields', () => {
    const expected = vxlan.expect(context());
    expect(
      diff(
        'fdb',
        expected.fdb,
        rows(expected, 'fdb').map((f) => ({...f, dst: '192.0.2.9'})),
      ).map((c) => c.kind === 'differs' && c.fields),
    ).toEqual([['dst'], ['dst']]);
    expect(
      diff(
        'neigh',
        expected.neigh,
        rows(expected, 'neigh').map((n) => ({...n, state: ['STALE']})),
      ).map((c) => c.kind === 'differs' && c.fields),
    ).toEqual([['state'], ['state']]);
    const [route] = expected.route;
    expect(diff('route', [route!], [{...route!.row, gateway: '192.168.77.9', dev: 'eth0', flags: []}])).toMatchObject([
      {kind: 'differs', fields: ['gateway', 'dev', 'onlink']},
    ]);
    // Of two routes to one prefix the kernel takes the lower metric, and so does the diff.
    expect(diff('route', [route!], [{...route!.row, metric: 50, gateway: '192.168.77.9'}, route!.row])).toEqual([]);
    expect(
      diff(
        'route',
        [route!],
        [
          {...route!.row, metric: 50},
          {...route!.row, gateway: '192.168.77.9'},
        ],
      ),
    ).toMatchObject([{kind: 'differs', fields: ['gateway']}]);
    // Metric and protocol are not flannel's to compare.
    expect(diff('route', [route!], [{...route!.row, metric: 7, protocol: 'static'}])).toEqual([]);
  });
  test('a tolerated row may be there, be wrong, or be missing', () => {
    const {fdb} = vxlan.expect(context(vxlan.settings({directrouting: true})));
    const have = fdb.map((w) => w.row);
    for (const list of [have, [], have.map((f) => ({...f, dst: '192.0.2.9'}))]) expect(diff('fdb', fdb, list)).toEqual([]);
  });
});
