import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import type {Lease} from '../src/core/flannel/lease.js';
import {diff} from '../src/core/model/diff.js';
import {madeBy} from '../src/core/modes/extension/rows.js';
import {understand} from '../src/core/modes/extension/shell.js';
import {extension} from '../src/core/modes/extension.js';
import {ipsec} from '../src/core/modes/ipsec.js';
import type {ExpectContext, Settings} from '../src/core/modes/mode.js';
import {wireguard} from '../src/core/modes/wireguard.js';
import {keyOf} from './forms/devices.js';

const lease = (n: number, more: Partial<Lease> = {}): Lease => ({
  node: `n${n}`,
  backendType: 'wireguard',
  subnet: `10.244.${n}.0/24`,
  ipv6Subnet: `fd44:0:0:${n}::/64`,
  publicIP: `192.168.77.${n}`,
  publicIPv6: `2001:db8::${n}`,
  publicKey: keyOf(n),
  wgPort: 51820,
  wgPortV6: 51821,
  ...more,
});
const context = (settings: Settings, peers: readonly Lease[] = [lease(2)], self = lease(1)): ExpectContext => ({
  settings,
  self,
  peers,
  uplink: {name: 'eth0', mtu: 1500},
  adjacent: () => true,
  networks: ['10.244.0.0/16', 'fd44::/56'],
});
const ends = (settings: Settings, ...rest: [(readonly Lease[])?, Lease?]) =>
  wireguard
    .expect(context(settings, ...rest))
    .wg!.map(({row}) => [row.dev, row.endpoint?.address, row.endpoint?.port, row.allowedIPs.join()]);

describe('wireguard', () => {
  const separate = wireguard.settings({});
  test('a device for each family, one route into each, one peer on each', () => {
    const expected = wireguard.expect(context(separate));
    expect(expected.link.map(({row}) => [row.ifname, row.kind, row.mtu, row.info])).toEqual([
      ['flannel-wg', 'wireguard', 1420, {listenPort: 51820, publicKey: keyOf(1)}],
      ['flannel-wg-v6', 'wireguard', 1420, {listenPort: 51821, publicKey: keyOf(1)}],
    ]);
    expect(expected.address.map(({row}) => [row.dev, row.local, row.prefixlen])).toEqual([
      ['flannel-wg', '10.244.1.0', 32],
      ['flannel-wg-v6', 'fd44:0:0:1::', 128],
    ]);
    expect(expected.route.map(({row}) => [row.dst, row.dev, row.gateway, row.metric])).toEqual([
      ['10.244.0.0/16', 'flannel-wg', undefined, 0],
      ['fd44::/56', 'flannel-wg-v6', undefined, 1024],
    ]);
    expect(ends(separate)).toEqual([
      ['flannel-wg', '192.168.77.2', 51820, '10.244.2.0/24'],
      ['flannel-wg-v6', '2001:db8::2', 51821, 'fd44:0:0:2::/64'],
    ]);
  });
  test('one device for both: its Mode says by which family, and it has one port whatever is published for IPv6', () => {
    const both = '10.244.2.0/24,fd44:0:0:2::/64';
    for (const [mode, peer, address] of [
      ['ipv4', lease(2), '192.168.77.2'],
      ['ipv6', lease(2), '2001:db8::2'],
      // Private IPv4, global IPv6 at both ends.
      ['auto', lease(2), '2001:db8::2'],
      ['auto', lease(2, {publicIP: '203.0.113.2'}), '203.0.113.2'],
      ['auto', lease(2, {publicIPv6: 'fd77::2'}), '192.168.77.2'],
    ] as const)
      expect(ends(wireguard.settings({mode}), [peer])).toEqual([['flannel-wg', address, 51820, both]]);
    const expected = wireguard.expect(context(wireguard.settings({mode: 'auto'})));
    expect(expected.link).toHaveLength(1);
    expect(expected.route.map(({row}) => row.dev)).toEqual(['flannel-wg', 'flannel-wg']);
  });
  test('a lease without a port (before v0.26.6) means the port that this node listens on; keepalive and key as configured and published', () => {
    const {wgPort: _, wgPortV6: __, ...old} = lease(2);
    const settings = wireguard.settings({listenport: 7000, listenportv6: 7001, persistentkeepaliveinterval: 25, psk: 'secret'});
    expect(ends(settings, [old]).map((e) => e[2])).toEqual([7000, 7001]);
    expect(wireguard.expect(context(settings)).wg![0]!.row.persistentKeepalive).toBe(25);
    expect(JSON.stringify(settings)).not.toContain('secret');
    // Which peer is a node's whose key nobody could read?
    const {publicKey: ___, ...unknown} = lease(2);
    expect(ends(settings, [unknown])).toEqual([]);
  });
  test("the MTU of older versions is as right; pods' is always the sum", () => {
    const {link} = wireguard.expect(context(separate));
    for (const mtu of [1420, 1500]) expect(diff('link', link.slice(0, 1), [{...link[0]!.row, mtu}])).toEqual([]);
    expect(diff('link', link.slice(0, 1), [{...link[0]!.row, mtu: 1380}])).toMatchObject([{fields: ['mtu']}]);
    expect(wireguard.podMtu(wireguard.settings({mtu: 9000}), 1500)).toBe(8920);
  });
  test('what a node publishes is what its devices have', () => {
    const link = (ifname: string, listenPort: number) => ({
      ifname,
      kind: 'wireguard',
      flags: [],
      mtu: 1420,
      info: {listenPort, publicKey: keyOf(9)},
    });
    expect(wireguard.publishes([link('flannel-wg', 1), link('flannel-wg-v6', 2)], separate)).toEqual({
      publicKey: keyOf(9),
      wgPort: 1,
      wgPortV6: 2,
    });
    expect(wireguard.publishes([], separate)).toEqual({});
  });
});

describe('ipsec', () => {
  test('three policies for each peer, of reqid 11, and no route', () => {
    const expected = ipsec.expect(context(ipsec.settings({})));
    expect(expected.route).toEqual([]);
    expect(expected.xfrm!.map(({row}) => [row.dir, row.src, row.dst, row.tmpl[0]!.src, row.tmpl[0]!.dst, row.tmpl[0]!.reqid])).toEqual([
      ['out', '10.244.1.0/24', '10.244.2.0/24', '192.168.77.1', '192.168.77.2', 11],
      ['in', '10.244.2.0/24', '10.244.1.0/24', '192.168.77.2', '192.168.77.1', 11],
      ['fwd', '10.244.2.0/24', '10.244.1.0/24', '192.168.77.2', '192.168.77.1', 11],
    ]);
    expect([ipsec.podMtu(ipsec.settings({}), 1500), ipsec.podMtu(ipsec.settings({udpencap: true}), 1500)]).toEqual([1423, 1415]);
  });
});

describe('extension: what its commands declare', () => {
  const given = {SUBNET: '10.244.2.0/24', PUBLIC_IP: '192.168.77.2'};
  test("flannel's own example of vxlan by commands", () => {
    const add =
      "read VTEP; export IF_NAME=flannel-vxlan; export SUBNET_IP=`echo $SUBNET | cut -d'/' -f 1`; bridge fdb append $VTEP dev $IF_NAME dst $PUBLIC_IP && ip neigh replace $SUBNET_IP lladdr $VTEP dev $IF_NAME nud permanent; ip route replace $SUBNET via $SUBNET_IP dev $IF_NAME onlink";
    const {commands, whole} = understand(add, given, '02:00:00:00:00:02');
    expect(whole).toBe(true);
    expect(commands.map((c) => madeBy(c, 'eth0'))).toMatchObject([
      {table: 'fdb', row: {mac: '02:00:00:00:00:02', dev: 'flannel-vxlan', dst: '192.168.77.2'}},
      {table: 'neigh', row: {dst: '10.244.2.0', lladdr: '02:00:00:00:00:02', dev: 'flannel-vxlan'}},
      {table: 'route', row: {dst: '10.244.2.0/24', gateway: '10.244.2.0', dev: 'flannel-vxlan', flags: ['onlink']}},
    ]);
  });
  test('what is beyond this reading is not guessed, and nothing then counts as a stray', () => {
    for (const command of [
      'add-peer.sh $SUBNET',
      'ip route add $(cat /etc/net) via $PUBLIC_IP',
      'ip route add $UNSET via $PUBLIC_IP',
      'cat x | sh',
    ]) {
      const settings = extension.settings({subnetaddcommand: command});
      const expected = extension.expect(context(settings));
      expect([expected.route, expected.partial]).toEqual([[], true]);
    }
    const plain = extension.expect(context(extension.settings({subnetaddcommand: 'ip route add $SUBNET via $PUBLIC_IP || true'})));
    expect(plain.partial).toBeUndefined();
    expect(plain.route.map((w) => [w.peer, w.row.dst, w.row.gateway, w.row.dev])).toEqual([
      ['n2', '10.244.2.0/24', '192.168.77.2', 'eth0'],
    ]);
  });
  test('whatever stands there, reading it ends and invents no row outside of the words', () => {
    const word = fc.constantFrom(
      'ip',
      'route',
      'add',
      'wg',
      'set',
      'peer',
      '$SUBNET',
      '$PUBLIC_IP',
      `\${X}`,
      ';',
      '&&',
      '||',
      '|',
      '`',
      '$(',
      ')',
      '"',
      "'",
      'via',
      'dev',
      'export',
      'X=1',
      '>',
      '2>/dev/null',
      '\n',
      'read',
      'x',
    );
    fc.assert(
      fc.property(fc.array(word, {maxLength: 25}), fc.string(), (words, tail) => {
        const {commands} = understand(`${words.join(' ')}${tail}`, given);
        for (const command of commands) {
          const made = madeBy(command, 'eth0');
          if (typeof made === 'object' && made.table === 'route') expect(command.join(' ')).toContain(made.row.dst.split('/')[0]!);
        }
      }),
      {numRuns: 400},
    );
  });
});
