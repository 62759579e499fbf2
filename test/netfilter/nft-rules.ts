import type {Family} from '../../src/core/net/address.js';
import {type Dice, marks, networks, portRange} from './dice.js';
import {addresses} from './wire.js';

const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
const priorities = {
  prerouting: [-300, -150, -50, 10],
  input: [-10, 0, 150],
  forward: [-10, 0, 20],
  output: [-300, -150, 0, 20],
  postrouting: [-10, 90, 110],
};

/** nft 1.0.6 loses `meta nfproto` when it lists a rule that ends in a `tcp reset`, so no rule here asks for it. One match; `th dport` only where there is one: of a ping nft takes its checksum. Those that name an address or an ICMP type are of one family. */
function match(d: Dice, family: Family, hook: string): string {
  const op = () => d.pick(['', '', '!= ']);
  const [ip, n] = family === 4 ? (['ip', '4'] as const) : (['ip6', '6'] as const);
  const net = () => d.pick(networks[family]);
  const {a, b, own} = addresses[family];
  return d.pick([
    () => `${ip} saddr ${op()}${net()}`,
    () => `${ip} daddr ${op()}${net()}`,
    () => `${ip} daddr ${op()}{ ${networks[family][2]}, ${b[2]}, ${own.cni0} }`,
    () => `${ip} saddr ${op()}@pods${n}`,
    () => `meta l4proto { tcp, udp } ${ip} daddr . th dport ${op()}@services${n}`,
    () => `${ip} daddr ${op()}${b[0]}-${b[1]}`,
    () => `iifname ${op()}"${d.pick(['cni0', 'cni*', 'flannel.1'])}"`,
    () => `oifname ${op()}{ "cni0", "docker*" }`,
    () => `oifname ${op()}"${d.pick(['cni0', 'flannel.1', 'fl*'])}"`,
    () => `iifname . oifname ${op()}{ "cni0" . "flannel.1", "flannel.1" . "cni0" }`,
    () => `udp dport ${op()}${portRange(d, '-')}`,
    () => `tcp dport ${op()}${portRange(d, '-')}`,
    () => `tcp dport ${op()}{ 22, 80-443, 30000-32767 }`,
    // Which port a source was translated to nothing says, so behind srcnat none is asked for.
    () => (hook === 'postrouting' ? '' : `tcp sport ${op()}${portRange(d, '-')}`),
    () =>
      `tcp flags ${d.pick(['syn', '& (syn | ack) == syn', '& (fin | syn | rst | ack) != syn', '& (syn | ack) == (syn | ack)', '!= syn', '== syn', 'syn | ack', '& (fin | syn | ack) != (syn | ack)'])}`,
    () => `meta l4proto { tcp, udp } th dport ${op()}${portRange(d, '-')}`,
    () => `meta l4proto ${op()}${d.pick(['tcp', 'udp', 'icmp', 'ipv6-icmp'])}`,
    () => 'meta l4proto { tcp, udp } th dport @doors',
    () => `udp dport ${d.pick(['>=', '<', '<=', '>'])} ${d.int(1, 65_000)}`,
    () => `ct state ${op()}${d.pick(['new', 'established', 'invalid', 'untracked'])}`,
    () => `ct state ${d.pick(['established,related', '{ new, invalid }', '{ established, related, untracked }', 'new,untracked'])}`,
    () => `ct direction ${d.pick(['original', 'reply'])}`,
    () => `ct status ${op()}${d.pick(['dnat', 'snat'])}`,
    () => `ct mark ${op()}${d.pick(marks)}`,
    () => `meta mark ${op()}${d.pick(marks)}`,
    () => `meta mark ${op()}{ 0x1, 0x4000-0x4fff }`,
    () => `meta mark & 0x4000 ${d.pick(['==', '!='])} 0x4000`,
    () => `meta pkttype ${op()}host`,
    () => `fib ${d.pick(['s', 'd'])}addr type ${op()}${d.pick(['local', 'unicast'])}`,
    () => (hook === 'prerouting' || hook === 'input' || hook === 'forward' ? `fib saddr . iif oif ${d.pick(['missing', 'exists'])}` : ''),
    () =>
      family === 4
        ? `icmp type ${op()}${d.pick(['echo-request', 'echo-reply', '{ echo-request, destination-unreachable }'])}`
        : `icmpv6 type ${op()}${d.pick(['echo-request', '{ echo-reply, echo-request }'])}`,
    () => (family === 4 ? `ip protocol ${op()}udp` : `ip6 nexthdr ${op()}udp`),
    () => (family === 4 ? `ip ttl ${d.pick(['64', '63', '< 64', '>= 64'])}` : `ip6 hoplimit ${d.pick(['64', '63', '< 64', '>= 64'])}`),
    () => `${ip} saddr . ${ip} daddr ${op()}{ ${a[0]} . ${b[0]}, ${a[2]} . ${b[1]}, ${networks[family][1]} . ${b[2]} }`,
    () => `${ip} saddr & ${family === 4 ? '255.255.0.0 == 10.244.0.0' : 'ffff:: == fd44::'}`,
  ])();
}

function verdict(d: Dice, family: Family, hook: string): string {
  const {b} = addresses[family];
  const deep =
    hook === 'user'
      ? []
      : [
          'jump u',
          'jump u',
          'goto u',
          'jump v',
          `${family === 4 ? 'ip' : 'ip6'} daddr vmap { ${b[0]} : jump u, ${b[1]} : drop, ${networks[family][4]} : return }`,
        ];
  const refuse = ['input', 'forward', 'output'].includes(hook)
    ? ['reject', 'reject with icmpx admin-prohibited', 'meta l4proto tcp reject with tcp reset']
    : [];
  const rarely = d.chance(0.3) ? ['drop', 'tcp dport vmap @gates', 'ct state vmap { new : drop, established : accept }'] : [];
  return d.pick([
    'accept',
    'accept',
    'return',
    'counter accept',
    'continue',
    'meta mark set meta mark | 0x4000',
    'meta mark set meta mark & 0xfffffffe',
    `meta mark set ${d.pick(marks)}`,
    'meta mark set ct mark',
    'ct mark set meta mark',
    `ct mark set ${d.pick(marks)}`,
    'meta mark set 0x1 accept',
    'meta mark set meta mark ^ 0x4001 return',
    'ct state vmap { established : accept, related : accept, invalid : drop }',
    'meta l4proto vmap { tcp : accept, udp : continue, icmp : return }',
    'udp dport vmap { 1-79 : accept, 80-443 : return, 8472 : drop }',
    'tcp dport vmap @gates',
    'meta mark set 0x2 meta l4proto != { icmp, ipv6-icmp } th dport @doors accept',
    ...(hook === 'prerouting' || hook === 'output' ? (d.chance(0.2) ? ['notrack'] : []) : []),
    ...rarely,
    ...refuse,
    ...deep,
  ]);
}

function nat(d: Dice, family: Family, hook: string): string {
  const {a, b, own} = addresses[family];
  const ip = family === 4 ? 'ip' : 'ip6';
  // From OUTPUT an own address leads through lo and two more hooks, which this wire does not follow; test/lab/service.test.ts does.
  const to = d.pick(hook === 'output' ? [...a, ...b] : [...a, ...b, own['flannel.1']]);
  if (hook === 'prerouting' || hook === 'output') {
    const port = `${d.pick(['tcp dport 80', 'udp dport 1-9000', 'meta l4proto { tcp, udp }'])} dnat ${ip} to ${family === 4 ? to : `[${to}]`}:8080`;
    return d.pick([
      `dnat ${ip} to ${to}`,
      port,
      port,
      'return',
      'accept',
      ...(hook === 'prerouting' ? ['meta l4proto { tcp, udp } redirect to :9000'] : []),
    ]);
  }
  const source = `snat ${ip} to ${family === 4 ? '10.255.2.98' : 'fd55:2::98'}`;
  return hook === 'input'
    ? d.pick(['accept', 'return', source])
    : d.pick(['masquerade', 'masquerade fully-random', 'return', source, 'accept']);
}

/** What the router itself says of a packet it refuses must get out, or drop and reject look alike. */
const errors = [
  '    icmp type destination-unreachable accept',
  '    icmpv6 type destination-unreachable accept',
  '    tcp flags & rst == rst accept',
];

/** One rule a line, so that a failing ruleset can be cut down line by line. */
export function nftRuleset(d: Dice): string {
  const {4: four, 6: six} = addresses;
  const line = (hook: string, say: (family: Family) => string) => {
    const family = d.pick([4, 6] as const);
    return `    ${Array.from({length: d.int(0, 2)}, () => match(d, family, hook)).join(' ')} ${say(family)}`;
  };
  const lines = (hook: string, most: number) =>
    Array.from({length: d.int(0, most)}, () => line(hook, (family) => verdict(d, family, hook)));
  const chains: string[] = [];
  for (const hook of hooks) {
    for (const priority of priorities[hook]) {
      if (!d.chance(priority === 0 ? 0.9 : 0.25)) continue;
      const policy = d.pick(['accept', 'accept', 'accept', ...(priority === 0 ? ['drop'] : [])]);
      chains.push(
        `  chain ${hook}_${String(priority).replace('-', 'm')} {`,
        `    type filter hook ${hook} priority ${priority}; policy ${policy};`,
        ...errors,
        ...lines(hook, 4),
        '  }',
      );
    }
    if (hook === 'forward' || !d.chance(hook === 'input' ? 0.2 : 0.6)) continue;
    const priority = hook === 'prerouting' || hook === 'output' ? -100 : 100;
    const rules = Array.from({length: d.int(1, 3)}, () => line(hook, (family) => nat(d, family, hook)));
    chains.push(`  chain nat_${hook} {`, `    type nat hook ${hook} priority ${priority}; policy accept;`, ...rules, '  }');
  }
  return [
    'table inet own {',
    `  set pods4 { type ipv4_addr; flags interval; elements = { 10.244.1.0/26, 10.9.0.1-10.9.0.9 }; }`,
    `  set pods6 { type ipv6_addr; flags interval; elements = { fd44:0:0:1::/120, fd09::1-fd09::9 }; }`,
    `  set services4 { type ipv4_addr . inet_service; flags interval; elements = { ${four.b[0]} . 80, ${four.b[1]} . 1-9000, 10.244.0.0/16 . 443 }; }`,
    `  set services6 { type ipv6_addr . inet_service; elements = { ${six.b[0]} . 80, ${six.b[1]} . 53 }; }`,
    '  set doors { type inet_service; flags interval; elements = { 22, 80-443, 8000-9000 }; }',
    '  map gates { type inet_service : verdict; flags interval; elements = { 22 : drop, 80-443 : accept, 30000-32767 : return }; }',
    '  chain v {',
    ...lines('user', 3),
    '  }',
    '  chain u {',
    ...lines('user', 3),
    '  }',
    ...chains,
    '}',
    '',
  ].join('\n');
}
