import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {type TableName, tables} from '../../src/core/kernel/index.js';
import type {Sourced, Table} from '../../src/core/kernel/table.js';

const folder = new URL('../outputs/seeds/', import.meta.url);
const seed = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

/** File → table and how `show` writes its rows. The numbers are data from published articles. */
const seeds: {readonly [file: string]: readonly [TableName, readonly string[]]} = {
  'host-gw.ip-route.txt': [
    'route',
    [
      'default via 192.168.31.1 dev ens33 proto static metric 100',
      '10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1',
      '10.244.1.0/24 via 192.168.31.63 dev ens33',
      '10.244.2.0/24 via 192.168.31.61 dev ens33',
      '192.168.31.0/24 dev ens33 proto kernel scope link src 192.168.31.62 metric 100',
    ],
  ],
  'host-gw.route-n.txt': [
    'route',
    [
      'default via 10.110.110.1 dev eth0 metric 100',
      '10.100.14.0/24 via 10.110.110.21 dev eth0',
      '10.100.38.0/24 dev docker0',
      '10.110.110.0/24 dev eth0 metric 100',
      '169.254.169.254 via 10.110.110.1 dev eth0 metric 100',
    ],
  ],
  'pod.ip-route.txt': [
    'route',
    ['default via 10.244.0.1 dev eth0', '10.244.0.0/24 dev eth0 scope link src 10.244.0.45', '10.244.0.0/16 via 10.244.0.1 dev eth0'],
  ],
  'tke-cni-pod.arp.txt': ['neigh', ['169.254.1.1 dev eth0 lladdr e2:62:fb:d2:cb:28 PERMANENT']],
  'tke-cni.ip-link.txt': ['link', []],
  'tke-cni.ip-route-100.txt': ['route', ['default via 10.0.0.1 dev eth1 table 100 onlink']],
  'tke-cni.ip-route-main-2.txt': [
    'route',
    [
      'default via 10.0.0.1 dev eth0 proto dhcp metric 100',
      'default via 10.0.0.1 dev eth1 proto dhcp metric 101',
      '10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.22 metric 100',
      '10.0.0.30 dev eni0f548c70045 scope link',
      '10.0.0.35 dev eni353b4974c2c scope link',
    ],
  ],
  'tke-cni.ip-route-main.txt': [
    'route',
    [
      'default via 10.0.0.1 dev eth0 proto dhcp metric 100',
      'default via 10.0.0.1 dev eth1 proto dhcp metric 101',
      '10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.49 metric 100',
      '10.0.0.41 dev eniec98d9f243c scope link',
      '10.0.0.44 dev eni8ba8b48a483 scope link',
    ],
  ],
  'tke-cni.ip-rule.txt': [
    'rule',
    [
      '0:\tfrom all lookup local',
      '512:\tfrom all to 10.0.0.41 lookup main',
      '512:\tfrom all to 10.0.0.44 lookup main',
      '1536:\tfrom 10.0.0.41 lookup 100',
      '1536:\tfrom 10.0.0.44 lookup 100',
      '32766:\tfrom all lookup main',
      '32767:\tfrom all lookup default',
    ],
  ],
  'tke-pod.route.txt': ['route', ['default via 172.20.0.1 dev eth0', '172.20.0.0/26 dev eth0']],
  'tke.ip-addr-2.txt': ['link', []],
  'tke.ip-addr.txt': ['address', ['127.0.0.1/8 dev lo scope host', '172.20.0.3/26 dev eth0 brd 172.20.0.63']],
  'tke.ip-link-master.txt': ['link', []],
  'tke.route-n-2.txt': [
    'route',
    ['default via 10.0.0.1 dev eth0 metric 100', '10.0.0.0/24 dev eth0 metric 100', '172.20.0.64/26 dev cbr0'],
  ],
  'tke.route-n-3.txt': ['route', ['default via 169.254.1.1 dev eth0', '169.254.1.1 dev eth0']],
  'tke.route-n.txt': ['route', ['default via 10.0.0.1 dev eth0 metric 100', '10.0.0.0/24 dev eth0 metric 100', '172.20.0.0/26 dev cbr0']],
  'vxlan-2.bridge-fdb.txt': [
    'fdb',
    [
      'd2:d0:1b:a7:a9:cd dev flannel.1 dst 192.168.31.61 self permanent',
      'ca:2a:a4:59:b6:55 dev flannel.1 dst 192.168.31.63 self permanent',
    ],
  ],
  'vxlan-2.ip-neigh.txt': [
    'neigh',
    ['10.244.1.0 dev flannel.1 lladdr ca:2a:a4:59:b6:55 PERMANENT', '10.244.2.0 dev flannel.1 lladdr d2:d0:1b:a7:a9:cd PERMANENT'],
  ],
  'vxlan-2.ip-route.txt': [
    'route',
    [
      'default via 192.168.31.1 dev ens33 proto static metric 100',
      '10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1',
      '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      '10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
    ],
  ],
  'vxlan.brctl-show.txt': ['link', []],
  'vxlan.bridge-fdb.txt': [
    'fdb',
    ['a6:a4:e5:5d:19:9b dev flannel.1 dst 10.4.7.21 self permanent', 'ea:ca:d6:62:be:21 dev flannel.1 dst 10.4.7.12 self permanent'],
  ],
  'vxlan.ip-neigh.txt': [
    'neigh',
    ['10.244.2.0 dev flannel.1 lladdr ea:ca:d6:62:be:21 PERMANENT', '10.244.1.0 dev flannel.1 lladdr 4e:e3:fa:5f:d2:34 PERMANENT'],
  ],
  'vxlan.ip-route.txt': [
    'route',
    [
      'default via 10.4.7.1 dev eth0 proto static metric 100',
      '10.4.7.0/24 dev eth0 proto kernel scope link src 10.4.7.21',
      '10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1',
      '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      '10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      '172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1',
    ],
  ],
};

describe('listings pasted in articles', () => {
  test('every one of them is read here', () => {
    expect(
      readdirSync(folder)
        .filter((name) => name.endsWith('.txt'))
        .toSorted(),
    ).toEqual(Object.keys(seeds).toSorted());
  });

  for (const [file, [name, expected]] of Object.entries(seeds)) {
    test(file, () => {
      const table = tables[name] as Table<Sourced>;
      const {rows, problems} = table.parse(seed(file), {command: file});
      expect(problems).toEqual([]);
      expect(rows.length).toBeGreaterThan(0);
      if (expected.length > 0) expect(rows.map(table.show)).toEqual(expected);
    });
  }

  test('devices of ip link, ip addr and brctl', () => {
    const links = (file: string) => tables.link.parse(seed(file), {command: file}).rows;
    expect(links('tke-cni.ip-link.txt').map(({ifname}) => ifname)).toEqual([
      'lo',
      'eth0',
      'docker0',
      'eth1',
      'eni9cdadcec1a4',
      'eni90454969e0a',
      'enia59decf1cc3',
      'eniec98d9f243c',
      'eni78dddf1c1d5',
      'eni8ba8b48a483',
    ]);
    expect(links('tke.ip-addr-2.txt').find(({ifname}) => ifname === 'Vethdc4b21b7')).toMatchObject({
      ifindex: 6,
      master: 'cbr0',
      link_index: 3,
      link_netnsid: 1,
      mtu: 1500,
      address: '66:b8:19:aa:9f:91',
      operstate: 'UP',
      link_type: 'ether',
    });
    expect(links('tke.ip-link-master.txt').map(({ifindex, master}) => [ifindex, master])).toEqual([
      [6, 'cbr0'],
      [7, 'cbr0'],
    ]);
    const bridge = links('vxlan.brctl-show.txt');
    expect(bridge[0]).toMatchObject({ifname: 'cni0', kind: 'bridge', address: '4a:02:5e:87:aa:87', info: {stp_state: 0}});
    expect(bridge.slice(1).map(({ifname, master}) => `${ifname} ${master}`)).toHaveLength(10);
    expect(bridge.slice(1).every(({master}) => master === 'cni0')).toBe(true);
  });

  test('a row quotes its line and the command above it', () => {
    const [first] = tables.neigh.parse(seed('vxlan.ip-neigh.txt'), {command: 'pasted'}).rows;
    expect(first?.origin).toEqual({command: 'ip neigh show dev flannel.1', line: 2, raw: '10.244.2.0 lladdr ea:ca:d6:62:be:21 PERMANENT'});
  });
});

const bare = (rows: readonly Sourced[]) => rows.map(({origin: _, ...row}) => row);
const route = (output: string, command = 'ip -j route show table all') => tables.route.parse(output, {command});

describe('iproute2, version by version', () => {
  const modern =
    '[{"type":"local","dst":"127.0.0.1","dev":"lo","table":"local","protocol":"kernel","scope":"host","prefsrc":"127.0.0.1","flags":[]},{"dst":"10.244.2.0/24","gateway":"10.244.2.0","dev":"flannel.1","flags":["onlink"]}]';

  test('4.17 to 4.20 forget the key "type" in table all', () => {
    const broken = modern.replace('"type":"local"', '"local"');
    expect(route(broken).problems).toEqual([]);
    expect(bare(route(broken).rows)).toEqual(bare(route(modern).rows));
    expect(route(broken).rows[0]?.type).toBe('local');
  });

  test('4.15 and 4.16 print text for -j', () => {
    const text =
      'local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 \n10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n';
    expect(bare(route(text).rows)).toEqual(bare(route(modern).rows));
  });

  test('4.15 prints devices as indented JSON', () => {
    const pretty =
      '[ {\n        "ifindex": 5,\n        "ifname": "flannel.1",\n        "flags": [ "BROADCAST","UP" ],\n        "mtu": 1450,\n        "addr_info": [ {\n                "family": "inet",\n                "local": "10.244.1.0",\n                "prefixlen": 32,\n                "scope": "global",\n                "label": "flannel.1"\n            } ]\n    } ]\n';
    expect(bare(tables.link.parse(pretty, {command: 'ip -j addr'}).rows)).toEqual([
      {ifindex: 5, ifname: 'flannel.1', flags: ['BROADCAST', 'UP'], mtu: 1450, extra: {}},
    ]);
    expect(tables.address.parse(pretty, {command: 'ip -j addr'}).rows.map(tables.address.show)).toEqual(['10.244.1.0/32 dev flannel.1']);
  });

  test('4.9 and 4.11 say dev for ifname in bridge -j', () => {
    const old =
      '[{\n        "mac": "56:11:22:33:44:55",\n        "dev": "flannel.1",\n        "dst": "192.168.77.2",\n        "flags": ["self"],\n        "state": "permanent"\n    }\n]\n';
    expect(tables.fdb.parse(old, {command: 'bridge -j fdb'}).rows.map(tables.fdb.show)).toEqual([
      '56:11:22:33:44:55 dev flannel.1 dst 192.168.77.2 self permanent',
    ]);
  });

  test('4.17 and 4.18 forget the word dst in text', () => {
    const {rows, problems} = tables.fdb.parse('56:11:22:33:44:55 dev flannel.1 192.168.77.2 self permanent\n', {command: 'bridge fdb'});
    expect(problems).toEqual([]);
    expect(rows[0]).toMatchObject({dst: '192.168.77.2', flags: ['self'], state: 'permanent'});
  });

  test('a table that does not exist prints one bracket', () => {
    expect(route('[').problems).toEqual([expect.objectContaining({why: expect.stringContaining('does not exist')})]);
    expect(route('').problems).toEqual([]);
    expect(route('[]\n').rows).toEqual([]);
  });

  test('encap does not overwrite the destination', () => {
    const {rows} = route(
      '[{"type":"unicast","dst":"10.12.1.1","encap":"ip","id":5,"src":"0.0.0.0","dst":"192.168.77.3","ttl":0,"tos":0,"dev":"vx7","scope":"link","flags":[]}]',
    );
    expect(rows[0]).toMatchObject({dst: '10.12.1.1/32', dev: 'vx7'});
    expect(rows[0]?.tos).toBeUndefined();
  });

  test('old short prefixes, upper case, zones', () => {
    expect(route('10.244/16 dev cni0').rows[0]?.dst).toBe('10.244.0.0/16');
    expect(route('FD00:0:0::/64 via FE80::1%eth0 dev eth0 metric 1024').rows.map(tables.route.show)).toEqual([
      'fd00::/64 via fe80::1 dev eth0 metric 1024',
    ]);
  });

  test('default takes its family from the section, the command or what stands beside it', () => {
    const family = (text: string, command: string, given?: 4 | 6) =>
      tables.route.parse(text, {command, ...(given && {family: given})}).rows[0]?.family;
    expect(family('default via fe80::1 dev eth0', 'x')).toBe(6);
    expect(family('default dev wg0 metric 1024 pref medium', 'x')).toBe(6);
    expect(family('default dev wg0', 'ip -6 route')).toBe(6);
    expect(family('default dev wg0', 'x', 6)).toBe(6);
    expect(family('default dev wg0', 'x')).toBe(4);
    expect(family('default via inet6 fe80::1 dev eth0', 'x')).toBe(4);
    expect(family('[{"dst":"default","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0","flags":[]}]', 'x')).toBe(4);
  });

  test('unknown words and keys are kept, never fatal', () => {
    const {rows, problems} = route('10.0.0.0/8 via 10.1.1.1 dev eth0 wormhole 7 expires 100sec error -101');
    expect(problems).toEqual([]);
    expect(rows[0]?.extra).toEqual({wormhole: '7', expires: '100sec', error: '-101'});
    expect(
      tables.neigh.parse('[{"dst":"10.0.0.1","dev":"eth0","state":["STALE"],"wormhole":{"a":1}}]', {command: 'x'}).rows[0]?.extra,
    ).toEqual({wormhole: {a: 1}});
  });
});

describe('devices in text', () => {
  test('the details of a VXLAN device', () => {
    const text =
      '5: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group default \n    link/ether c2:b8:02:90:2f:c4 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535 \n    vxlan id 1 local 192.168.77.1 dev eth0 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx addrgenmode eui64 numtxqueues 1\n';
    expect(tables.link.parse(text, {command: 'ip -d link'}).rows[0]).toMatchObject({
      kind: 'vxlan',
      info: {
        id: 1,
        local: '192.168.77.1',
        link: 'eth0',
        port: 8472,
        learning: false,
        ttl: 0,
        ageing: 300,
        udp_csum: true,
        udp_zero_csum6_tx: false,
        udp_zero_csum6_rx: false,
      },
    });
  });

  test('devices this kernel may lack: ipip, wireguard, vlan, the @NONE of tunl0', () => {
    const text = `3: tunl0@NONE: <NOARP> mtu 1480 qdisc noop state DOWN mode DEFAULT group default qlen 1000
    link/ipip 0.0.0.0 brd 0.0.0.0 promiscuity 0 minmtu 0 maxmtu 0
    ipip any remote any local any ttl inherit nopmtudisc addrgenmode eui64
4: flannel.ipip@eth0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN mode DEFAULT group default
    link/ipip 192.168.77.1 brd 0.0.0.0 promiscuity 0
    ipip any remote any local 192.168.77.1 dev eth0 ttl inherit pmtudisc
5: flannel-wg: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN mode DEFAULT group default
    link/none  promiscuity 0
    wireguard addrgenmode none
6: eth0.10@eth0: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP
    link/ether 56:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff promiscuity 0
    vlan protocol 802.1Q id 10 <REORDER_HDR> addrgenmode eui64
`;
    const {rows, problems} = tables.link.parse(text, {command: 'ip -d link'});
    expect(problems).toEqual([]);
    expect(rows.map(({ifname, kind, link, info, address}) => ({ifname, kind, link, info, address}))).toEqual([
      {ifname: 'tunl0', kind: 'ipip', link: undefined, info: {pmtudisc: false}, address: undefined},
      {ifname: 'flannel.ipip', kind: 'ipip', link: 'eth0', info: {local: '192.168.77.1', link: 'eth0', pmtudisc: true}, address: undefined},
      {ifname: 'flannel-wg', kind: 'wireguard', link: undefined, info: undefined, address: undefined},
      {ifname: 'eth0.10', kind: 'vlan', link: 'eth0', info: {protocol: '802.1Q', id: 10}, address: '56:11:22:33:44:55'},
    ]);
  });
});

describe('pasted sessions', () => {
  test('a listing without its device says what to add', () => {
    const {rows, problems} = tables.neigh.parse('10.244.2.0 lladdr ea:ca:d6:62:be:21 PERMANENT\n', {command: 'ip-neigh.txt'});
    expect(rows).toEqual([]);
    expect(problems[0]?.why).toBe('no device: put the command it came from on a line above, as "# ip neigh show dev flannel.1"');
    expect(tables.fdb.parse('56:11:22:33:44:55 dst 10.0.0.1 self', {command: 'x'}).problems[0]?.why).toContain(
      '# bridge fdb show dev flannel.1',
    );
  });

  test('each prompt completes the rows under it, and what other commands printed is passed over', () => {
    const session = `root@node1:~# ip route show table 100
default via 10.0.0.1 dev eth1 onlink
$ sudo ip neigh show dev eth0
10.0.0.9 lladdr 56:11:22:33:44:55 STALE
user@node1:~$ kubectl exec -it pod -- ip -4 route show dev cni0
10.244.1.0/24 proto kernel scope link src 10.244.1.1
# ip -j route
[{"dst":"10.9.0.0/16","dev":"eth0","flags":[]}]
`;
    const {rows, problems} = route(session, 'ip-route.txt');
    expect(problems).toEqual([]);
    expect(rows.map(tables.route.show)).toEqual([
      'default via 10.0.0.1 dev eth1 table 100 onlink',
      '10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1',
      '10.9.0.0/16 dev eth0',
    ]);
  });

  test('a broken line is a problem with its place, and the rest is read', () => {
    const {rows, problems} = route(
      '10.1.0.0/16 dev eth0\nPermission denied\n10.2.0.0/16 via nowhere dev eth0\n10.3.0.0/16 dev eth0\n',
      'ip route',
    );
    expect(rows.map(({dst}) => dst)).toEqual(['10.1.0.0/16', '10.3.0.0/16']);
    expect(problems.map(({line, text}) => [line, text])).toEqual([
      [2, 'Permission denied'],
      [3, '10.2.0.0/16 via nowhere dev eth0'],
    ]);
  });

  test('JSON that was cut off gives its whole elements and a problem', () => {
    const {rows, problems} = route('[{"dst":"10.1.0.0/16","dev":"eth0","flags":[]},{"dst":"10.2.0.0/1');
    expect(rows.map(({dst}) => dst)).toEqual(['10.1.0.0/16']);
    expect(problems[0]?.why).toContain('cut off');
  });
});
