import {execFileSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {isDeepStrictEqual} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {fdbCommandArgs} from '../../src/core/kernel/fdb.js';
import {type TableName, tables} from '../../src/core/kernel/index.js';
import type {Link} from '../../src/core/kernel/link.js';
import {type Neigh, neighCommandArgs} from '../../src/core/kernel/neigh.js';
import type {Route} from '../../src/core/kernel/route.js';
import type {Rule} from '../../src/core/kernel/rule.js';
import type {Sourced, Table} from '../../src/core/kernel/table.js';

/**
 * The tools of this machine against a namespace of its own: text and JSON must give the same rows, with `-d` and without,
 * and what `show` writes must be what the kernel takes back.
 */
const ns = `kt${process.pid}`;
const far = `${ns}f`;
const root = process.getuid?.() === 0;

const run = (command: string): string => {
  const [tool = '', ...args] = command.split(' ');
  return execFileSync('ip', ['netns', 'exec', ns, tool, ...args], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']});
};

/** Not every kernel has every kind: what cannot be made is left out. */
const attempt = (command: string): boolean => {
  try {
    run(command);
    return true;
  } catch {
    return false;
  }
};

const links = `
link set lo up
link add eth0 type veth peer name peer0 netns ${far}
link add va type veth peer name vb
addr add 192.168.77.1/24 brd + dev eth0
addr add fd77::1/64 dev eth0 nodad
link set eth0 up
link add flannel.1 type vxlan id 1 local 192.168.77.1 dev eth0 dstport 8472 nolearning
link add flannel-v6.1 type vxlan id 1 local fd77::1 dev eth0 dstport 8472 nolearning
link add vx5 type vxlan id 5 group 239.1.1.1 dev eth0 dstport 4789 ttl 5 tos 4 proxy rsc l2miss l3miss gbp ageing 100 udpcsum
link add vx6 type vxlan id 6 remote 192.168.77.9 dstport 4789 noudpcsum ttl inherit
link add vx7 type vxlan external dstport 4790
link add vx8 type vxlan id 8 remote fd77::9 dstport 4791 udp6zerocsumtx udp6zerocsumrx
link add cni0 type bridge
link add br1 type bridge vlan_filtering 1 stp_state 1
link set va master cni0
link set va type bridge_slave hairpin on isolated on learning off
link add link eth0 name eth0.10 type vlan id 10
link add dum0 type dummy
link add vrf1 type vrf table 99
tuntap add flannel0 mode tun
link add ipip0 type ipip remote 192.168.77.2 local 192.168.77.1
link add gre1 type gre remote 192.168.77.2 local 192.168.77.1
link add wg0 type wireguard
link add macv0 link eth0 type macvlan mode bridge
link add ipv0 link eth0 type ipvlan mode l2
link set eth0 alias the|alias|mtu|9
link property add dev eth0 altname enp0s1
link set flannel.1 up
link set flannel-v6.1 up
link set cni0 up
link set vb up
link set vx5 up
link set vx7 up
link set dum0 up
addr add 10.244.1.0/32 dev flannel.1
addr add 10.244.1.1/24 brd + dev cni0
addr add 10.9.9.1 peer 10.9.9.2/32 dev cni0 label cni0:x
addr add 10.9.8.1/24 dev cni0 noprefixroute
addr add 10.9.8.2/24 dev cni0
addr add fd79::1 peer fd79::2/128 dev cni0 nodad`;

const routes = `
route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
route add 10.244.0.0/16 via 10.244.1.1 dev cni0
route add blackhole 10.1.0.0/16
route add unreachable 10.2.0.0/16 metric 7
route add prohibit 10.3.0.1
route add throw 10.4.0.0/16 table 77
route add default via 192.168.77.254 dev eth0 proto dhcp metric 100 src 192.168.77.1 mtu lock 1400 advmss 1300 initcwnd 10 rtt 1500ms realm 3
route add 10.5.0.0/16 nexthop via 192.168.77.5 dev eth0 weight 2 nexthop via 10.244.2.5 dev flannel.1 onlink weight 1
route add 10.6.0.0/16 via inet6 fd77::6 dev eth0
route add 10.6.1.0/24 nexthop via inet6 fd77::6 dev eth0 nexthop dev cni0
nexthop add id 5 via 192.168.77.5 dev eth0
nexthop add id 6 via 192.168.77.6 dev eth0
nexthop add id 7 group 5/6,3
nexthop add id 8 blackhole
nexthop add id 9 via fd77::9 dev eth0
nexthop add id 10 via 192.168.99.5 dev eth0 onlink
route add 10.7.0.0/16 nhid 5
route add 10.8.0.0/16 nhid 7
route add fd08::/16 nhid 9
route add 10.10.0.0/16 dev eth0 tos 0x10 features ecn congctl cubic quickack 1
route add 10.11.0.0/16 dev eth0 scope link table 100 proto 42
route add 10.12.1.1 encap ip id 5 dst 192.168.77.3 dev vx7
route add 10.13.0.0/16 dev vb
route add 10.14.0.0/16 dev eth0 rtt 5ms rto_min 2s window 5
route add multicast 224.1.0.0/16 dev eth0 table 50
-6 route add fd44::/64 via fd77::2 dev eth0 onlink
-6 route add blackhole fd45::/64
-6 route add unreachable fd46::/64
-6 route add prohibit fd47::1
-6 route add default via fe80::1 dev eth0 pref high mtu 1400
-6 route add fd50::/64 nexthop via fd77::5 dev eth0 weight 3 nexthop via fd77::6 dev eth0
-6 route add fd51::/64 from fd77::/64 via fd77::5 dev eth0 metric 5
-6 route add throw fd52::/64 table 77`;

const rules = `
rule add from 10.0.0.41 lookup 100 prio 1536
rule add to 10.0.0.0/24 lookup main prio 512
rule add fwmark 0x4000/0x4000 lookup 100 prio 600
rule add fwmark 7 blackhole prio 601
rule add not from 10.1.0.0/16 iif eth0 oif cni0 lookup 100 prio 602
rule add lookup main suppress_prefixlength 0 prio 603
rule add lookup main suppress_ifgroup 2 prio 604
rule add iif nope99 goto 32766 prio 605
rule add ipproto tcp sport 1-2 dport 80 lookup 100 prio 606
rule add uidrange 0-0 lookup main prio 607
rule add tos 0x10 unreachable prio 608
rule add from 1.2.3.4 prohibit prio 609
rule add goto 40000 prio 610
rule add nop prio 611
rule add tun_id 5 lookup 100 prio 612
rule add lookup 100 protocol 99 realms 3/4 prio 613
rule add ipproto 17 oif nope lookup 100 prio 614
rule add l3mdev prio 1000
-6 rule add from fd00::/8 lookup 100 prio 700
-6 rule add not fwmark 0x4000 lookup main prio 701`;

const neighbours = `
neigh add 10.244.2.0 lladdr 56:11:22:33:44:55 dev flannel.1 nud permanent
neigh add 192.168.77.3 lladdr 56:11:22:33:44:57 dev eth0 nud permanent router
neigh add proxy 192.168.77.4 dev eth0
neigh add 192.168.77.7 dev eth0 lladdr 56:11:22:33:44:59 nud noarp
neigh add fd77::2 lladdr 56:11:22:33:44:58 dev eth0 nud permanent router extern_learn
neigh add 192.168.77.8 nud failed dev eth0
neigh add 192.168.77.10 lladdr 56:11:22:33:44:5a dev eth0 nud permanent proto 17`;

const entries = `
fdb add 56:11:22:33:44:55 dev flannel.1 dst 192.168.77.2
fdb add 56:11:22:33:44:66 dev flannel-v6.1 dst fd77::2
fdb append 00:00:00:00:00:00 dev vx5 dst 192.168.77.3 port 99 vni 7 via eth0
fdb add 56:11:22:33:44:68 dev va master extern_learn dynamic
fdb add 56:11:22:33:44:69 dev va master sticky static
fdb add 56:11:22:33:44:6a dev va master vlan 5 static
fdb add 56:11:22:33:44:70 dev vx7 dst 192.168.77.3 src_vni 3 vni 7
fdb add 56:11:22:33:44:72 dev vx5 dst 192.168.77.3 router`;

const listOf = (text: string): readonly string[] => text.trim().split('\n');

beforeAll(() => {
  if (!root) return;
  for (const name of [ns, far]) execFileSync('ip', ['netns', 'add', name]);
  const devices = listOf(links).filter((line) => attempt(`ip ${line}`));
  execFileSync('ip', ['-n', far, 'link', 'set', 'peer0', 'up']);
  const rows = [...listOf(routes), ...listOf(rules), ...listOf(neighbours)].filter((line) => attempt(`ip ${line}`));
  const forwarding = listOf(entries).filter((line) => attempt(`bridge ${line}`));
  // Fewer would mean that the set-up is broken, not that this kernel is small.
  expect(devices.length + rows.length + forwarding.length).toBeGreaterThan(80);
});

afterAll(() => {
  if (!root) return;
  for (const name of [ns, far]) execFileSync('ip', ['netns', 'del', name]);
});

const bare = (rows: readonly Sourced[]): readonly object[] =>
  rows.map(({origin: _, extra: __, ...row}: Sourced & {extra?: unknown}) => row);

/**
 * What one form does not say: with a name for the peer's namespace, text prints `link-netns NAME` for JSON's `link_netnsid`, and
 * the number is nowhere in the text; JSON drops the word `lock` of a metric.
 */
const comparable = (rows: readonly Sourced[]): readonly object[] =>
  bare(rows).map(({link_netnsid: _, locked: __, ...row}: {link_netnsid?: number; locked?: unknown}) => row);

const parse = (name: TableName, output: string, command: string) => (tables[name] as Table<Sourced>).parse(output, {command});

const listings: readonly (readonly [TableName, string, number])[] = [
  ['link', 'ip link show', 10],
  ['link', 'ip addr show', 10],
  ['link', 'ip link show master cni0', 1],
  ['address', 'ip addr show', 10],
  ['address', 'ip addr show dev cni0', 4],
  ['route', 'ip -4 route show table all', 25],
  ['route', 'ip -6 route show table all', 15],
  ['route', 'ip route show', 15],
  ['route', 'ip route show dev flannel.1', 1],
  ['route', 'ip route show table 100', 1],
  ['route', 'ip route show proto kernel scope link', 2],
  ['route', 'ip -6 route show dev eth0', 3],
  ['rule', 'ip rule show', 15],
  ['rule', 'ip -6 rule show', 4],
  ['neigh', 'ip neigh show', 4],
  ['neigh', 'ip neigh show nud all', 5],
  ['neigh', 'ip neigh show dev flannel.1', 1],
  ['neigh', 'ip neigh show proxy', 1],
  ['fdb', 'bridge fdb show', 10],
  ['fdb', 'bridge fdb show dev flannel.1', 1],
  ['fdb', 'bridge fdb show brport va', 2],
  ['fdb', 'bridge fdb show br cni0', 3],
  ['nexthop', 'ip nexthop show', 4],
];

/** Two listings between which the kernel changed nothing: the first reads the same again after the second. */
function steady<T extends {readonly rows: readonly Sourced[]}>(one: () => T, other: () => T): readonly [T, T] {
  for (let tries = 0; ; tries++) {
    const pair = [one(), other()] as const;
    if (tries === 20 || isDeepStrictEqual(bare(one().rows), bare(pair[0].rows))) return pair;
    execFileSync('sleep', ['0.2']);
  }
}

describe.skipIf(!root)('text and JSON give equal rows', () => {
  for (const [name, command, least] of listings) {
    for (const detail of ['', ' -d']) {
      test(`${command}${detail}`, () => {
        const [tool, ...rest] = command.split(' ');
        const text = `${tool}${detail} ${rest.join(' ')}`;
        const json = `${tool}${detail} -j ${rest.join(' ')}`;
        const [fromText, fromJson] = steady(
          () => parse(name, run(text), text),
          () => parse(name, run(json), json),
        );
        expect(fromText.problems).toEqual([]);
        expect(fromJson.problems).toEqual([]);
        expect(fromJson.rows.length).toBeGreaterThanOrEqual(least);
        expect(comparable(fromText.rows)).toEqual(comparable(fromJson.rows));
      });
    }
  }

  test('with statistics, one line a row, and through a terminal', () => {
    for (const [name, command] of listings) {
      const [tool, ...rest] = command.split(' ');
      for (const option of tool === 'ip' ? ['-s', '-o', '-c'] : ['-s']) {
        const text = `${tool} ${option} ${rest.join(' ')}`;
        const [plain, parsed] = steady(
          () => parse(name, run(command), command),
          () => parse(name, run(text), text),
        );
        if (name === 'link' && option === '-o' && text.includes('addr')) {
          // No devices are printed then, which must not look like a machine without any.
          expect(parsed.problems.map(({why}) => why)).toEqual([expect.stringContaining('addresses only')]);
          continue;
        }
        expect(parsed.problems, text).toEqual([]);
        expect(bare(parsed.rows), text).toEqual(bare(plain.rows));
      }
    }
  });
});

const takenBack: readonly (readonly [TableName, string, (shown: string) => string, (shown: string) => boolean])[] = [
  // IPv6 routes that the kernel makes itself, and those of nexthop objects, are not put back.
  ['route', 'ip -4 route show table all', (shown) => `ip -4 route replace ${shown}`, () => true],
  ['route', 'ip -6 route show table all', (shown) => `ip -6 route replace ${shown}`, (shown) => /^(?:\w+ )?fd4|^(?:\w+ )?fd5/.test(shown)],
];

describe.skipIf(!root)('what show writes, the kernel takes back', () => {
  for (const [name, command, replace, chosen] of takenBack) {
    test(command, () => {
      const table = tables[name] as Table<Sourced>;
      const before = table.parse(run(command), {command}).rows.map(table.show).filter(chosen);
      expect(before.length).toBeGreaterThan(5);
      // Encapsulation, cross-family gateways and times are not in `show`, or need what is not here.
      const kept = before.filter((shown) => !/^10\.12\./.test(shown));
      const refused = kept.filter((shown) => !attempt(replace(shown)));
      expect(refused).toEqual([]);
      const after = table.parse(run(command), {command}).rows.map(table.show).filter(chosen);
      expect(after.toSorted()).toEqual(before.toSorted());
    });
  }

  test('neighbours and forwarding entries', () => {
    const rows = tables.neigh.parse(run('ip neigh show nud permanent'), {command: 'ip neigh'}).rows;
    expect(rows.length).toBeGreaterThan(2);
    expect(rows.filter((row) => !attempt(`ip neigh replace ${neighCommandArgs(row)}`))).toEqual([]);
    const entries = tables.fdb.parse(run('bridge fdb show'), {command: 'bridge fdb'}).rows.filter((row) => row.mac.startsWith('56:'));
    expect(entries.length).toBeGreaterThan(4);
    expect(entries.filter((row) => !attempt(`bridge fdb replace ${fdbCommandArgs(row)}`)).map(tables.fdb.show)).toEqual([]);
    const again = tables.fdb.parse(run('bridge fdb show'), {command: 'bridge fdb'}).rows.filter((row) => row.mac.startsWith('56:'));
    expect(again.map(tables.fdb.show)).toEqual(entries.map(tables.fdb.show));
  });
});

const busybox = root || existsSync('/bin/busybox');

describe.skipIf(!root || !busybox)('busybox', () => {
  const both = (name: TableName, command: string, real = command) => {
    const text = `/bin/busybox ${command}`;
    const table = tables[name] as Table<Sourced>;
    return {small: table.parse(run(text), {command: text}), whole: table.parse(run(real), {command: real}), table};
  };

  test('routes are the same entries, and multipath without its hops is said to be cut', () => {
    const {small, whole, table} = both('route', 'ip -4 route show table all');
    const keys = (rows: readonly Sourced[]) =>
      rows
        .map(table.key)
        .map((key) => key.replace(/ 0x10$/, ' '))
        .toSorted();
    expect(keys(small.rows)).toEqual(keys(whole.rows));
    expect(small.problems.length).toBeGreaterThan(0);
    expect(new Set(small.problems.map(({why}) => why))).toEqual(
      new Set(['printed without its next hops (busybox does this to multipath routes)']),
    );
  });

  test('neighbours and addresses are equal', () => {
    const neigh = both('neigh', 'ip neigh show');
    expect(neigh.small.problems).toEqual([]);
    expect(neigh.small.rows.map(neigh.table.show).toSorted()).toEqual(neigh.whole.rows.map(neigh.table.show).toSorted());
    const address = both('address', 'ip addr show');
    expect(address.small.problems).toEqual([]);
    // busybox does not print the peer of an IPv6 address.
    const peerless = (rows: readonly Sourced[]) => rows.map(address.table.show).filter((shown) => !shown.startsWith('fd79:'));
    expect(peerless(address.small.rows)).toEqual(peerless(address.whole.rows));
  });

  test('devices have the same names, flags, MTUs, masters and addresses', () => {
    const {small, whole} = both('link', 'ip link');
    expect(small.problems).toEqual([]);
    const common = (rows: readonly Sourced[]) =>
      (rows as readonly Link[]).map(({ifindex, ifname, flags, mtu, address, master, link_type}) => ({
        ifindex,
        ifname,
        flags,
        mtu,
        address,
        master,
        link_type,
      }));
    expect(common(small.rows)).toEqual(common(whole.rows));
  });

  test('rules have the same priorities, and actions under the wrong names of busybox', () => {
    const {small, whole} = both('rule', 'ip rule');
    expect(small.problems).toEqual([]);
    const common = (rows: readonly Sourced[]) => (rows as readonly Rule[]).map(({priority, action, table}) => ({priority, action, table}));
    expect(common(small.rows)).toEqual(common(whole.rows));
  });

  test('route -n, route and arp agree with ip', () => {
    const unicast = (rows: readonly Sourced[]) =>
      (rows as readonly Route[])
        .filter(({dev, nexthops}) => dev !== undefined && nexthops === undefined)
        .map(({dst, dev, metric}) => `${dst} ${dev} ${metric}`);
    const ip = tables.route.parse(run('ip -4 route'), {command: 'ip -4 route'}).rows;
    for (const command of ['/bin/busybox route -n', 'route -n']) {
      if (!attempt(command)) continue;
      const parsed = tables.route.parse(run(command), {command});
      expect(parsed.problems, command).toEqual([]);
      expect(unicast(parsed.rows), command).toEqual(expect.arrayContaining(unicast(ip)));
    }
    const permanent = (rows: readonly Sourced[]) =>
      (rows as readonly Neigh[])
        .filter(({state}) => state[0] === 'PERMANENT')
        .map(tables.neigh.show)
        .toSorted();
    const neigh = tables.neigh.parse(run('ip -4 neigh'), {command: 'ip -4 neigh'}).rows.map((row) => ({...row, router: false}));
    for (const command of ['/bin/busybox arp -n', 'arp -n']) {
      if (!attempt(command)) continue;
      const parsed = tables.neigh.parse(run(command), {command});
      expect(parsed.problems, command).toEqual([]);
      expect(permanent(parsed.rows), command).toEqual(permanent(neigh));
    }
  });

  test('brctl show has the bridges and their ports', () => {
    if (!attempt('brctl show')) return;
    const {rows, problems} = tables.link.parse(run('brctl show'), {command: 'brctl show'});
    expect(problems).toEqual([]);
    const bridge = tables.link.parse(run('ip -j -d link'), {command: ''}).rows.find(({ifname}) => ifname === 'cni0');
    expect(rows).toContainEqual(expect.objectContaining({ifname: 'cni0', kind: 'bridge', address: bridge?.address}));
    expect(rows).toContainEqual(expect.objectContaining({ifname: 'va', master: 'cni0'}));
  });
});
