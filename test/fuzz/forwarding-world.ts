import fc from 'fast-check';
import type {Query} from '../../src/core/forwarding/lookup.js';
import type {Family} from '../../src/core/net/address.js';

/** What is set up for one round: lines for `ip -batch`, and values for /proc/sys. What iproute2 or the kernel refuses is passed over. */
export interface World {
  readonly setup: readonly string[];
  readonly sysctls: readonly (readonly [path: string, value: number])[];
  readonly queries: readonly Query[];
}

/** d0 to d3 have carrier, d3 may be set down, d4 never has carrier. */
export const devices = ['d0', 'd1', 'd2', 'd3', 'd4'] as const;
export const tables = ['main', 'default', '100', '101'] as const;
const groups = [0, 0, 5, 6, 0] as const;

interface Net {
  readonly prefixes: readonly string[];
  readonly targets: readonly string[];
  readonly sources: readonly string[];
  /** By device. */
  readonly gateways: readonly string[];
  readonly addresses: readonly (readonly string[])[];
  readonly own: readonly string[];
  readonly icmp: string;
}

export const nets: {readonly [F in Family]: Net} = {
  4: {
    prefixes: [
      ...['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/16', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '10.1.2.130/32', '10.1.3.0/24'],
      ...['172.16.0.0/12', '192.0.2.0/24', '203.0.113.0/24', '192.168.10.64/26'],
    ],
    targets: [
      ...['10.1.2.3', '10.1.2.130', '10.1.2.200', '10.1.3.9', '10.9.9.9', '10.0.4.4', '172.20.0.1', '192.0.2.7', '198.51.100.1'],
      ...['192.168.10.77', '192.168.11.9', '192.168.10.1', '192.168.11.1', '192.168.10.255', '127.0.0.5', '0.1.2.3'],
    ],
    sources: [
      ...['10.1.2.77', '10.7.0.1', '172.31.0.9', '203.0.113.5', '192.168.10.66', '192.168.11.7', '192.168.12.7', '198.51.100.9'],
      ...['192.168.10.1', '192.168.13.1', '192.168.10.255', '127.0.0.9', '0.0.0.9', '224.0.0.5'],
    ],
    gateways: ['192.168.10.2', '192.168.11.2', '192.168.12.2', '192.168.13.2', '192.168.14.2'],
    addresses: [
      ['192.168.10.1/24', '192.168.10.8/24', '192.168.20.1/24', '10.200.0.1/32 scope host'],
      ['192.168.11.1/24', '192.168.11.5/24 scope link'],
      ['192.168.12.1/24 scope link', '192.168.12.3/24'],
      ['192.168.13.1/24', '10.201.0.1 peer 10.201.0.2/32'],
      ['192.168.14.1/24'],
    ],
    own: ['192.168.10.1', '192.168.11.1', '192.168.12.1', '192.168.13.1', '192.168.14.1'],
    icmp: 'icmp',
  },
  6: {
    prefixes: [
      ...['::/0', 'fd01::/16', 'fd01::/32', 'fd01:1::/32', 'fd01:1:2::/48', 'fd01:1:2:8000::/49', 'fd01:1:2:8000::5/128', 'fd01:1:3::/48'],
      ...['fd02::/16', '2001:db8:9::/48', '2001:db8:5::/48', 'fd10::40/122'],
    ],
    targets: [
      ...['fd01:1:2::3', 'fd01:1:2:8000::5', 'fd01:1:2:8000::6', 'fd01:1:3::9', 'fd01:9::9', 'fd01:0:4::4', 'fd02:1::1', '2001:db8:9::7'],
      ...['2001:db8:aaaa::1', 'fd10::45', 'fd11::9', 'fd10::1', 'fd11::1', 'fe80::99', '2002:1::1'],
    ],
    sources: ['fd01:1:2::77', 'fd01:7::1', 'fd02:31::9', '2001:db8:5::5', 'fd10::44', 'fd11::7', 'fd12::7', 'fd10::1'],
    gateways: ['fd10::2', 'fd11::2', 'fd12::2', 'fd13::2', 'fd14::2'],
    addresses: [
      ['fd10::1/64 nodad', 'fe80::1/64 nodad', '2001:db8:9:1::1/64 nodad', 'fd01:1:2::1/128 nodad'],
      ['fd11::1/64 nodad', 'fe80::2/64 nodad', '2001:db8:5::1/64 nodad preferred_lft 0'],
      ['fd12::1/64 nodad', 'fec0:5::1/64 nodad'],
      ['fd13::1/64 nodad', '2002:1:2::1/48 nodad'],
      ['fd14::1/64 nodad', 'fe80::5/64 nodad'],
    ],
    own: ['fd10::1', 'fd11::1', 'fd12::1', 'fd13::1', 'fd14::1'],
    icmp: 'ipv6-icmp',
  },
};

const maybe = <T>(value: fc.Arbitrary<T>, freq: number) => fc.option(value, {nil: undefined, freq});
const some = (...words: readonly (string | undefined)[]) => words.filter((w) => w !== undefined).join(' ');

const nexthopOf = (family: Family) =>
  fc.oneof(
    {weight: 6, arbitrary: fc.nat(4).map((d) => `via ${nets[family].gateways[d]} dev d${d}`)},
    {weight: 2, arbitrary: fc.nat(4).map((d) => `dev d${d}`)},
    {weight: 1, arbitrary: fc.constant('blackhole')},
  );

/** Objects 1 to 4 are single, 11 and 12 groups of them. */
const objectsOf = (family: Family) =>
  fc
    .tuple(
      fc.array(nexthopOf(family), {minLength: 4, maxLength: 4}),
      fc.array(fc.subarray([1, 2, 3, 4], {minLength: 1}), {minLength: 2, maxLength: 2}),
    )
    .map(([single, grouped]) => [
      ...single.map((hop, i) => `nexthop add id ${i + 1} ${hop}`),
      ...grouped.map((ids, i) => `nexthop add id ${11 + i} group ${ids.map((id, n) => (n === 1 ? `${id},3` : id)).join('/')}`),
    ]);

/** The kernel remembers for ever that a namespace once had a `local` route of somebody's own; one without rules is spared them. */
const routeOf = (family: Family, ruled: boolean) =>
  fc
    .record({
      dst: fc.constantFrom(...nets[family].prefixes),
      verb: fc.constantFrom('add', 'add', 'add', 'append'),
      type: fc.oneof(
        {weight: 10, arbitrary: fc.constant('unicast')},
        {weight: 2, arbitrary: fc.constantFrom('blackhole', 'unreachable', 'prohibit', 'throw')},
        {weight: ruled ? 1 : 0, arbitrary: fc.constant('local')},
      ),
      table: fc.constantFrom(...tables),
      metric: fc.constantFrom(0, 0, 5, 10, 200),
      tos: maybe(fc.constantFrom('0x10', '0x04', '0x20'), 5),
      via: fc.nat(4),
      shape: fc.constantFrom('via', 'via', 'via', 'dev', 'onlink', 'multipath', 'multipath', 'nhid', 'group', 'other-family'),
      src: maybe(fc.nat(4), 4),
      mtu: maybe(fc.constantFrom('mtu 1400', 'mtu lock 1300'), 5),
      from: maybe(fc.constantFrom(...nets[family].sources.slice(0, 5)), 8),
      pref: maybe(fc.constantFrom('low', 'high'), 6),
    })
    .map(({dst, verb, type, table, metric, tos, via, shape, src, mtu, from, pref}) => {
      const net = nets[family];
      const six = family === 6;
      const head = some(
        `route ${verb}`,
        type === 'unicast' ? undefined : type,
        dst,
        six && from !== undefined ? `from ${from}` : undefined,
        !six && tos !== undefined ? `tos ${tos}` : undefined,
        `table ${table}`,
        metric > 0 ? `metric ${metric}` : undefined,
      );
      if (type === 'local') return `${head} dev ${via === 0 ? 'lo' : `d${via}`}`;
      if (type !== 'unicast') return head;
      const tail = some(src === undefined ? undefined : `src ${net.own[src]}`, mtu, six && pref !== undefined ? `pref ${pref}` : undefined);
      const hop = (n: number) => `via ${net.gateways[n % 5]} dev d${n % 5}`;
      switch (shape) {
        case 'dev':
          return `${head} dev d${via} ${tail}`;
        case 'onlink':
          return `${head} via ${net.sources[via]} dev d${via} onlink ${tail}`;
        case 'multipath':
          return `${head} ${tail} nexthop ${hop(via)} weight 2 nexthop ${hop(via + 1)}${via > 2 ? ` nexthop dev d${via - 2}` : ''}`;
        case 'nhid':
          return `${head} nhid ${1 + (via % 4)} ${tail}`;
        case 'group':
          return `${head} nhid ${11 + (via % 2)} ${tail}`;
        case 'other-family':
          return six ? `${head} ${hop(via)} ${tail}` : `${head} via inet6 ${nets[6].gateways[via]} dev d${via} ${tail}`;
        default:
          return `${head} ${hop(via)} ${tail}`;
      }
    });

const ruleOf = (family: Family) => {
  const net = nets[family];
  return fc
    .record({
      priority: fc.integer({min: 1, max: 60}).map((n) => n * 10),
      not: fc.constantFrom(false, false, false, true),
      from: maybe(fc.constantFrom(...net.prefixes.slice(1), ...net.own), 2),
      to: maybe(fc.constantFrom(...net.prefixes.slice(1)), 2),
      iif: maybe(fc.constantFrom('lo', ...devices, 'gone'), 4),
      oif: maybe(fc.constantFrom(...devices), 8),
      mark: maybe(fc.constantFrom('0x1', '0x3/0x1', '0x4/0xc', '0/0x2', '0x80000001'), 4),
      tos: maybe(fc.constantFrom('0x10', '0x04', '0x20'), 8),
      uid: maybe(fc.constantFrom('0-99', '100-200', '1000-4294967294'), 8),
      proto: maybe(fc.constantFrom('tcp', 'udp', net.icmp), 6),
      sport: maybe(fc.constantFrom('1000', '1000-2000'), 8),
      dport: maybe(fc.constantFrom('53', '50-80', '443'), 8),
      action: fc.oneof(
        {weight: 6, arbitrary: fc.constantFrom(...tables, 'local').map((t) => `lookup ${t}`)},
        {
          weight: 3,
          arbitrary: fc
            .record({t: fc.constantFrom(...tables), n: fc.constantFrom(0, 8, 16, 24, 32, 48)})
            .map(({t, n}) => `lookup ${t} suppress_prefixlength ${n}`),
        },
        {weight: 1, arbitrary: fc.constantFrom(...tables).map((t) => `lookup ${t} suppress_ifgroup 5`)},
        {weight: 2, arbitrary: fc.constantFrom('blackhole', 'unreachable', 'prohibit', 'nop')},
        {weight: 2, arbitrary: fc.integer({min: 1, max: 70}).map((n) => `goto ${n * 10}`)},
      ),
    })
    .map(({priority, not, from, to, iif, oif, mark, tos, uid, proto, sport, dport, action}) => {
      const selector = some(
        to && `to ${to}`,
        iif && `iif ${iif}`,
        oif && `oif ${oif}`,
        mark && `fwmark ${mark}`,
        tos && `tos ${tos}`,
        uid && `uidrange ${uid}`,
        proto && `ipproto ${proto}`,
        sport && `sport ${sport}`,
        dport && `dport ${dport}`,
      );
      return some(`rule add priority ${priority}`, not ? 'not' : undefined, `from ${from ?? 'all'}`, selector, action);
    });
};

const queryOf = (family: Family): fc.Arbitrary<Query> => {
  const net = nets[family];
  const packet = {
    dst: fc.constantFrom(...net.targets),
    mark: fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 6, 0x80000001),
    tos: fc.constantFrom(0, 0, 0, 0x10, 0x04, 0x20),
    ipproto: fc.constantFrom('tcp', 'udp', net.icmp),
    sport: fc.constantFrom(1000, 1500, 4000),
    dport: fc.constantFrom(53, 80, 443),
  };
  const plain = ({ipproto, sport, dport, ...rest}: Query): Query =>
    ipproto === net.icmp
      ? {...rest, ipproto, sport: 0, dport: 0}
      : {...rest, ...(ipproto && {ipproto}), ...(sport && {sport}), ...(dport && {dport})};
  const sent = fc
    .record({
      ...packet,
      uid: fc.constantFrom(0, 0, 150, 1000),
      src: maybe(fc.constantFrom(...net.own), 3),
      oif: maybe(fc.constantFrom(...devices), 6),
    })
    .map(({src, oif, ...rest}) => plain({...rest, ...(src && {src}), ...(oif && {oif})}));
  const came = fc
    .record({...packet, uid: fc.constant(0), src: fc.constantFrom(...net.sources), iif: fc.constantFrom(...devices)})
    .map((query) => plain(query));
  return fc.oneof({weight: 2, arbitrary: sent}, {weight: 3, arbitrary: came});
};

const sysctlsOf = (family: Family) => {
  const on = (...values: number[]) => fc.constantFrom(...values);
  const set = (name: string, device: fc.Arbitrary<number>, all?: fc.Arbitrary<number>) =>
    fc
      .tuple(all ?? fc.constant(undefined), ...devices.map(() => device))
      .map(([first, ...rest]): (readonly [string, number])[] => [
        ...(first === undefined ? [] : [[`net/ipv${family}/conf/all/${name}`, first] as const]),
        ...rest.map((value, i) => [`net/ipv${family}/conf/d${i}/${name}`, value] as const),
      ]);
  return family === 4
    ? fc
        .tuple(
          set('rp_filter', on(0, 0, 1, 2), on(0, 0, 0, 0, 1, 2)),
          set('forwarding', on(1, 1, 1, 1, 0)),
          set('accept_local', on(0, 0, 0, 1), on(0, 0, 0, 0, 1)),
          set('src_valid_mark', on(0, 0, 1), on(0, 0, 0, 1)),
          set('send_redirects', on(1, 0), on(0, 0, 1)),
          set('route_localnet', on(0, 0, 0, 1), on(0, 0, 0, 0, 0, 1)),
          set('ignore_routes_with_linkdown', on(0, 1)),
        )
        .map((parts) => parts.flat())
    : fc
        .tuple(
          set('forwarding', on(0, 1), on(0, 1, 1)),
          set('ignore_routes_with_linkdown', on(0, 1)),
          set('use_oif_addrs_only', on(0, 0, 0, 1)),
        )
        .map((parts) => parts.flat());
};

const addressesOf = (family: Family): fc.Arbitrary<readonly (readonly string[])[]> =>
  fc.tuple(...nets[family].addresses.map((list) => fc.subarray([...list])));

/** `ruled`: with policy rules, in a namespace that always has one of its own; without, in one that never had any. */
export const worldOf = (family: Family, ruled: boolean, asked: number): fc.Arbitrary<World> =>
  fc
    .record({
      addresses: addressesOf(family),
      objects: objectsOf(family),
      routes: fc.array(routeOf(family, ruled), {minLength: 3, maxLength: 24}),
      rules: ruled ? fc.array(ruleOf(family), {maxLength: 8}) : fc.constant([]),
      down: maybe(fc.constant('link set d3 down'), 3),
      failed: family === 6 ? fc.subarray([0, 1, 2]) : fc.constant<number[]>([]),
      sysctls: sysctlsOf(family),
      // Off, a route says no more of its next hop object than the number.
      compat: fc.constantFrom(0, 1),
      // Those that differ are named; to leave out the others is no simpler world.
      queries: fc.noShrink(fc.array(queryOf(family), {minLength: asked, maxLength: asked, size: 'max'})),
    })
    .map(({addresses, objects, routes, rules, down, failed, sysctls, compat, queries}) => ({
      setup: [
        'nexthop flush',
        ...tables.map((t) => `route flush table ${t}`),
        // What a round put into `local` is not of the kernel's own making.
        ...tables.map((t) => `route flush table ${t} type local`),
        ...(ruled
          ? [
              'rule flush',
              'rule add priority 32000 lookup 101',
              'rule add priority 32766 lookup main',
              ...(family === 4 ? ['rule add priority 32767 lookup default'] : []),
            ]
          : []),
        ...devices.flatMap((dev, i) => [`addr flush dev ${dev}`, `link set ${dev} up group ${groups[i]}`]),
        ...addresses.flatMap((list, i) => list.map((a) => `addr add ${a} dev d${i}`)),
        // So that gateways are on the link also where there is no address.
        ...nets[family].gateways.map((g, i) => `route append ${g} dev d${i} table main`),
        ...objects,
        ...routes,
        ...rules,
        ...failed.map((i) => `neigh replace ${nets[family].gateways[i]} dev d${i} nud failed`),
        ...(down === undefined ? [] : [down]),
      ],
      sysctls: [['net/ipv4/nexthop_compat_mode', compat] as const, ...sysctls],
      queries,
    }));
