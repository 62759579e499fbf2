import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {type TableName, tables} from '../../src/core/kernel/index.js';
import {parseSockets} from '../../src/core/kernel/socket.js';
import {parseSysctl, sysctlOf, sysctlPath} from '../../src/core/kernel/sysctl.js';
import type {Sourced, Table} from '../../src/core/kernel/table.js';
import {wg, withDevices} from '../../src/core/kernel/wg.js';
import {parseWireguard} from '../../src/core/kernel/wireguard.js';
import {sa, xfrm} from '../../src/core/kernel/xfrm.js';

const octet = fc.integer({min: 0, max: 255});
const ip4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const group = fc.integer({min: 1, max: 0xffff}).map((n) => n.toString(16));
const ip6 = fc.tuple(group, group, group).map(([a, b, c]) => `fd${a.slice(0, 2).padStart(2, '0')}:${b}::${c}`);
const mac = fc.array(octet, {minLength: 6, maxLength: 6}).map((parts) => parts.map((n) => n.toString(16).padStart(2, '0')).join(':'));
const dev = fc.constantFrom('eth0', 'flannel.1', 'cni0', 'flannel-v6.1', 'veth08925d5a', 'eni8ba8b48a483');

const part = <T>(arbitrary: fc.Arbitrary<T>, write: (value: T) => string) =>
  fc.option(arbitrary, {nil: undefined}).map((value) => (value === undefined ? '' : write(value)));
const line = (...parts: readonly fc.Arbitrary<string>[]) => fc.tuple(...parts).map((words) => words.join(''));

const routeLine = fc.oneof(
  line(
    fc.tuple(octet, octet, fc.integer({min: 17, max: 24})).map(([a, b]) => `10.${a}.${b}.0/24`),
    part(ip4, (ip) => ` via ${ip}`),
    dev.map((name) => ` dev ${name}`),
    part(fc.constantFrom('100', '77', 'local'), (table) => ` table ${table}`),
    part(fc.constantFrom('kernel', 'dhcp', '42'), (proto) => ` proto ${proto}`),
    part(fc.constantFrom('link', 'host'), (scope) => ` scope ${scope}`),
    part(ip4, (ip) => ` src ${ip}`),
    part(fc.integer({min: 1, max: 2 ** 32 - 1}), (metric) => ` metric ${metric}`),
    part(fc.integer({min: 68, max: 65535}), (mtu) => ` mtu lock ${mtu}`),
    part(fc.constant('onlink'), (flag) => ` ${flag}`),
  ),
  line(
    fc.constantFrom('blackhole', 'unreachable', 'prohibit', 'throw'),
    ip4.map((ip) => ` ${ip}`),
  ),
  line(
    ip6,
    part(ip6, (ip) => ` via ${ip}`),
    dev.map((name) => ` dev ${name}`),
    fc.integer({min: 1, max: 5000}).map((metric) => ` metric ${metric}`),
  ),
  line(
    ip4,
    fc
      .array(fc.tuple(ip4, dev, fc.integer({min: 1, max: 256})), {minLength: 2, maxLength: 4})
      .map((hops) => hops.map(([via, name, weight]) => ` nexthop via ${via} dev ${name} weight ${weight}`).join('')),
  ),
);

const neighLine = line(
  fc.oneof(ip4, ip6),
  dev.map((name) => ` dev ${name}`),
  part(mac, (lladdr) => ` lladdr ${lladdr}`),
  part(fc.constant(' router'), (word) => word),
  fc.constantFrom(' PERMANENT', ' STALE', ' FAILED', ' NOARP', ''),
);

const ruleLine = line(
  fc.integer({min: 0, max: 2 ** 32 - 1}).map((priority) => `${priority}:\t`),
  part(fc.constant('not '), (word) => word),
  fc.oneof(
    fc.constant('from all'),
    ip4.map((ip) => `from ${ip}`),
  ),
  part(ip4, (ip) => ` to ${ip}`),
  part(fc.tuple(octet, fc.integer({min: 1, max: 65535})), ([mark, mask]) => ` fwmark 0x${mark.toString(16)}/0x${mask.toString(16)}`),
  part(dev, (name) => ` iif ${name}`),
  part(dev, (name) => ` oif ${name}`),
  part(fc.constantFrom('tcp', 'udp'), (proto) => ` ipproto ${proto}`),
  part(fc.tuple(octet, octet), ([a, b]) => ` dport ${a}-${b}`),
  fc.oneof(
    fc.constantFrom(' lookup main', ' lookup 100 suppress_prefixlength 0', ' blackhole', ' prohibit', ' nop'),
    octet.map((n) => ` goto ${n}`),
  ),
);

const roundTrips: readonly (readonly [TableName, fc.Arbitrary<string>])[] = [
  ['route', routeLine],
  ['neigh', neighLine],
  ['rule', ruleLine],
];

describe('show(parse(line)) is the line', () => {
  for (const [name, lines] of roundTrips) {
    test(name, () => {
      const table = tables[name] as Table<Sourced>;
      fc.assert(
        fc.property(lines, (text) => {
          const {rows, problems} = table.parse(text, {command: ''});
          expect(problems).toEqual([]);
          expect(rows.map(table.show)).toEqual([text]);
          expect(rows.map(table.key)).toEqual(table.parse(table.show(rows[0] as Sourced), {command: ''}).rows.map(table.key));
        }),
      );
    });
  }
});

/** Pieces of real outputs, to be cut and mixed: more likely to reach deep than noise is. */
const pieces = [
  '[{"dst":"10.0.0.1","dev":"eth0","lladdr":"56:11:22:33:44:55","state":["STALE"]}]',
  '{"type":"local","dst":null,"metrics":[{"mtu":"x"}],"nexthops":[null,{}],"via":7}',
  '[{"local","dst":"127.0.0.1"}]',
  '[',
  '{}',
  'default via 10.0.0.1 dev eth0 nexthop nexthop via',
  '10.5.0.0/16 \n\tnexthop via 192.168.77.5 dev eth0 weight 2',
  '5: flannel.1@if3: <UP> mtu 1450 master\n    link/ether 56:11:22:33:44:55 link-netnsid\n    vxlan id local dev',
  '    inet 10.0.0.1/24 brd peer scope\n       valid_lft',
  '512:\tnot from all fwmark 0x/0x lookup',
  '56:11:22:33:44:55 dev vx5 dst vlan',
  'Kernel IP routing table\nDestination Gateway Genmask',
  '10.0.0.0 * 255.0.255.0 UG 0 0 0 eth0',
  'bridge name\tbridge id\t\tSTP enabled\tinterfaces\ncni0\t8000.4a025e87aa87\tno\tveth1',
  '[root@n ~]# ip neigh show dev',
  'id 7 group 5/6,3',
  'Address HWtype HWaddress Flags Mask Iface\n1.1.1.1',
  '[{"priority":"x","fwmark":{}},{"ifname":"x","linkinfo":{"info_kind":"__proto__","info_data":[]},"addr_info":[{"family":"inet","local":5},null]}]',
  '__proto__ constructor',
  '\u001b[31m',
  '\u0000',
  '⁵',
];

describe('no text makes a parser throw', () => {
  const text = fc.oneof(
    fc.string({unit: 'binary', maxLength: 300}),
    fc
      .array(
        fc.oneof(
          fc.constantFrom(...pieces),
          fc.constantFrom('\n', ' ', '/', ',', '"', '{', '}', '[', ']', 'dev', 'table'),
          fc.string({maxLength: 5}),
        ),
        {maxLength: 12},
      )
      .map((parts) => parts.join('')),
    fc.json(),
    fc
      .tuple(fc.constantFrom(...pieces), fc.nat(80), fc.string({maxLength: 4}))
      .map(([piece, at, noise]) => piece.slice(0, at) + noise + piece.slice(at + 1)),
  );

  test('every table, its keys and its words', () => {
    fc.assert(
      fc.property(text, fc.oneof(text, fc.constantFrom('ip route show table', 'ip -6 neigh show dev eth0')), (output, command) => {
        for (const table of Object.values(tables) as readonly Table<Sourced>[]) {
          const {rows, problems} = table.parse(output, {command});
          for (const row of rows) expect(`${table.key(row)} ${table.show(row)}`).toBeTypeOf('string');
          for (const problem of problems) expect(problem.why).not.toBe('');
        }
        for (const parse of [parseSysctl, parseSockets, parseWireguard]) expect(parse(output, {command}).rows).toBeInstanceOf(Array);
      }),
      {numRuns: 1000},
    );
  });
});

describe('sysctl', () => {
  test('all forms of a key are one path', () => {
    const path = 'net/ipv4/conf/flannel.1/rp_filter';
    for (const key of ['net.ipv4.conf.flannel/1.rp_filter', path, `/proc/sys/${path}`]) expect(sysctlPath(key)).toBe(path);
    const {rows, problems} = parseSysctl(
      `net.ipv4.ip_forward = 1\nnet.ipv4.conf.eth0.10.rp_filter = 2\n${path}=0\nnet.ipv4.ip_local_port_range = 32768\t60999\n`,
      {command: 'sysctl -a'},
    );
    expect(problems).toEqual([]);
    expect(rows.map(({key, value}) => [key, value])).toEqual([
      ['net/ipv4/ip_forward', '1'],
      ['net/ipv4/conf/eth0.10/rp_filter', '2'],
      [path, '0'],
      ['net/ipv4/ip_local_port_range', '32768\t60999'],
    ]);
    expect(sysctlOf(rows, 'net.ipv4.ip_forward')).toBe('1');
    expect(sysctlOf(rows, 'net.ipv4.conf.flannel/1.rp_filter')).toBe('0');
    expect(sysctlOf(rows, 'net.ipv6.conf.all.forwarding')).toBeUndefined();
    expect(parseSysctl('sysctl: permission denied', {command: 'x'}).problems).toHaveLength(1);
  });
});

describe('sockets', () => {
  test('ss -lunpH', () => {
    const text = `UNCONN 0      0      0.0.0.0:8472 0.0.0.0:*
UNCONN 0      0         [::]:51820    [::]:*
UNCONN 0      0      127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=512,fd=13))
UNCONN 0 0 192.168.77.1:8285 *:* users:(("flanneld",pid=1,fd=9))
UNCONN 0 0 *:68 *:*
`;
    const {rows, problems} = parseSockets(text, {command: 'ss -lunpH'});
    expect(problems).toEqual([]);
    expect(rows.map(({origin: _, ...row}) => row)).toEqual([
      {local: '0.0.0.0', port: 8472},
      {local: '::', port: 51820, v6: true},
      {local: '127.0.0.53', port: 53, dev: 'lo', process: 'systemd-resolve'},
      {local: '192.168.77.1', port: 8285, process: 'flanneld'},
      {local: '::', port: 68, v6: true},
    ]);
  });
});

describe('wireguard', () => {
  const key = (letter: string) => `${letter.repeat(43)}=`;

  test('wg show all dump, and no secret is kept', () => {
    const text = `flannel-wg\t${key('S')}\t${key('A')}\t51820\toff
flannel-wg\t${key('B')}\t${key('P')}\t192.168.77.2:51820\t10.244.2.0/24,fd00:2::/64\t1700000000\t1200\t3400\t25
flannel-wg\t${key('C')}\t(none)\t(none)\t(none)\t0\t0\t0\toff
`;
    const {rows, problems} = parseWireguard(text, {command: 'wg show all dump'});
    expect(problems).toEqual([]);
    expect(rows).toMatchObject([
      {
        ifname: 'flannel-wg',
        publicKey: key('A'),
        listenPort: 51820,
        peers: [
          {
            publicKey: key('B'),
            endpoint: {address: '192.168.77.2', port: 51820},
            allowedIPs: ['10.244.2.0/24', 'fd00:2::/64'],
            latestHandshake: 1_700_000_000,
            rxBytes: 1200,
            txBytes: 3400,
            persistentKeepalive: 25,
          },
          {publicKey: key('C'), allowedIPs: []},
        ],
      },
    ]);
    expect(JSON.stringify(rows)).not.toMatch(/SSSS|PPPP/);
    expect(JSON.stringify(parseWireguard(`x\t${key('S')}\n`, {command: 'x'}))).not.toContain('SSSS');
  });
});

describe('wg, xfrm', () => {
  const key = (letter: string) => `${letter.repeat(43)}=`;
  const dump = `flannel-wg\t${key('S')}\t${key('A')}\t51820\toff
flannel-wg\t${key('B')}\t(none)\t[fd77::2]:51820\t10.244.2.0/24\t0\t0\t0\t25
`;

  test('a peer is a row, and the device goes with its link', () => {
    const {rows, problems} = wg.parse(dump, {command: 'wg show all dump'});
    expect(problems).toEqual([]);
    expect(rows.map(wg.show)).toEqual([
      `peer ${key('B')} dev flannel-wg allowed-ips 10.244.2.0/24 endpoint [fd77::2]:51820 persistent-keepalive 25`,
    ]);
    const [link] = withDevices([{ifname: 'flannel-wg', kind: 'wireguard'}], {out: dump, command: 'wg show all dump'});
    expect(link).toEqual({ifname: 'flannel-wg', kind: 'wireguard', info: {publicKey: key('A'), listenPort: 51820}});
  });

  test('policies and associations are read as iproute2 6.1 prints them, without keys', () => {
    const policies = `src 10.244.1.0/24 dst 10.244.2.0/24 
	dir out priority 0 ptype main 
	tmpl src 192.168.77.11 dst 192.168.77.12
		proto esp reqid 11 mode tunnel
src 0.0.0.0/0 dst 0.0.0.0/0 
	socket in priority 0 ptype main 
`;
    const read = xfrm.parse(policies, {command: 'ip xfrm policy list'});
    expect(read.problems).toEqual([]);
    expect(read.rows.map(xfrm.show)).toEqual([
      'src 10.244.1.0/24 dst 10.244.2.0/24 dir out priority 0 tmpl src 192.168.77.11 dst 192.168.77.12 proto esp reqid 11 mode tunnel',
    ]);
    const states = sa.parse(
      `src 192.168.77.11 dst 192.168.77.12
	proto esp spi 0xc1a2b3c4 reqid 11 mode tunnel
	replay-window 0 flag af-unspec
	aead rfc4106(gcm(aes)) 0x0123456789abcdef0123456789abcdef01234567 128
	encap type espinudp sport 4500 dport 4500 addr 0.0.0.0
	anti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000
`,
      {command: 'ip xfrm state list nokeys'},
    );
    expect(states.rows.map(sa.show)).toEqual([
      'src 192.168.77.11 dst 192.168.77.12 proto esp spi 0xc1a2b3c4 reqid 11 mode tunnel encap type espinudp sport 4500 dport 4500',
    ]);
    expect(JSON.stringify(states.rows)).not.toContain('0123456789');
  });
});
