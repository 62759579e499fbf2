import type {Family} from '../../src/core/net/address.js';
import {type Dice, marks, networks, portRange} from './dice.js';
import {addresses} from './wire.js';

export const iptablesChains: {readonly [table: string]: readonly string[]} = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

interface Place {
  readonly family: Family;
  readonly table: string;
  readonly hook: string;
}

/** Options of a rule, at most one a module, and the protocol they need. */
function matches(d: Dice, {family, hook}: Place, proto: string | undefined): string {
  const not = () => (d.chance(0.25) ? '! ' : '');
  const own = addresses[family].own;
  const inside = hook === 'INPUT' || hook === 'PREROUTING' || hook === 'FORWARD' || hook === 'USER';
  const outside = hook === 'OUTPUT' || hook === 'POSTROUTING' || hook === 'FORWARD' || hook === 'USER';
  const range = family === 4 ? '10.244.2.1-10.244.3.9' : 'fd44:0:0:2::1-fd44:0:0:3::9';
  const kinds: readonly (readonly [string, () => string])[] = [
    ['s', () => `${not()}-s ${d.pick([...networks[family], own.cni0])}`],
    ['s', () => `${not()}-s ${d.pick(networks[family])}`],
    ['d', () => `${not()}-d ${d.pick([...networks[family], own.cni0, own['flannel.1']])}`],
    ['d', () => `${not()}-d ${d.pick(networks[family])}`],
    ['i', () => (inside ? `${not()}-i ${d.pick(['cni0', 'cni+', 'flannel.1', 'eth+'])}` : '')],
    ['o', () => (outside ? `${not()}-o ${d.pick(['cni0', 'flannel+', 'flannel.1', 'docker0'])}` : '')],
    ['mark', () => `-m mark ${not()}--mark ${d.pick(marks)}${d.pick(['', '/0x4000', '/0x1'])}`],
    ['connmark', () => `-m connmark ${not()}--mark ${d.pick(marks)}${d.pick(['', '/0x4000'])}`],
    [
      'ct',
      () =>
        `-m conntrack ${not()}--ctstate ${d.pick(['NEW', 'RELATED,ESTABLISHED', 'INVALID,NEW', 'ESTABLISHED', 'DNAT', 'SNAT', 'INVALID', 'UNTRACKED', 'NEW,DNAT'])}`,
    ],
    ['ct', () => `-m conntrack --ctstate ${d.pick(['NEW', 'RELATED,ESTABLISHED'])}`],
    ['type', () => `-m addrtype ${not()}--dst-type ${d.pick(['LOCAL', 'UNICAST', 'MULTICAST'])}`],
    ['type', () => `-m addrtype ${not()}--src-type ${d.pick(['LOCAL', 'UNICAST'])}`],
    ['range', () => `-m iprange ${not()}--dst-range ${range}`],
    [
      'ttl',
      () =>
        family === 4
          ? `-m ttl ${d.pick(['--ttl-eq 64', '--ttl-eq 63', '--ttl-lt 64', '--ttl-gt 63'])}`
          : `-m hl ${d.pick(['--hl-eq 64', '--hl-eq 63', '--hl-lt 64', '--hl-gt 63'])}`,
    ],
    ['comment', () => '-m comment --comment "flanneld \\"forward\\" -j DROP"'],
  ];
  const icmp = family === 4 ? 'icmp' : 'ipv6-icmp';
  const protocols: readonly (() => string)[] = [
    () => d.pick(['-p tcp', '-p udp', '! -p udp', '! -p tcp', `-p ${icmp}`]),
    () => `-p ${d.pick(['tcp', 'udp'])} -m multiport ${not()}--dports ${portRange(d, ':')},${portRange(d, ':')}`,
    () => {
      const name = d.pick(['tcp', 'udp']);
      return `-p ${name} -m ${name} ${not()}--${d.pick(['dport', 'dport', 'sport'])} ${portRange(d, ':')}`;
    },
    () => `-p tcp -m tcp ${d.pick(['--syn', '! --syn', '--tcp-flags SYN,ACK SYN', '--tcp-flags FIN,ACK ACK'])}`,
    () =>
      family === 4
        ? `-p icmp -m icmp ${not()}--icmp-type ${d.pick(['8', '0', '8/0', '3'])}`
        : `-p ipv6-icmp -m icmp6 ${not()}--icmpv6-type ${d.pick(['128', '129', '1'])}`,
  ];
  const chosen = new Map<string, string>();
  if (proto !== undefined) chosen.set('p', proto);
  else if (d.chance(0.4)) chosen.set('p', d.pick(protocols)());
  for (let n = d.int(0, 2); n > 0; n--) {
    const [key, make] = d.pick(kinds);
    const text = make();
    if (text !== '' && !chosen.has(key)) chosen.set(key, text);
  }
  return [...chosen.values()].join(' ');
}

const bracket = (family: Family, ip: string) => (family === 4 ? ip : `[${ip}]`);

/** A target and, where it needs one, the protocol. */
function target(d: Dice, place: Place, hook: string): {readonly text: string; readonly proto?: string} {
  const {family, table} = place;
  const {a, b, own} = addresses[family];
  if (table === 'filter') {
    const reject = family === 4 ? ['', ' --reject-with icmp-host-prohibited'] : ['', ' --reject-with icmp6-adm-prohibited'];
    if (d.chance(0.08)) return {text: 'REJECT --reject-with tcp-reset', proto: '-p tcp'};
    return {
      text: d.pick(['ACCEPT', 'ACCEPT', 'ACCEPT', 'DROP', `REJECT${d.pick(reject)}`, 'RETURN', 'RETURN', 'MARK --set-xmark 0x4000/0x4000']),
    };
  }
  if (table === 'raw') return {text: d.pick(['RETURN', 'ACCEPT', 'DROP', 'CT --notrack', 'MARK --set-mark 0x1'])};
  if (table === 'mangle') {
    const mark = () => `MARK ${d.pick(['--set-xmark', '--set-mark', '--or-mark', '--and-mark', '--xor-mark'])} ${d.pick(marks)}`;
    const connmark = () =>
      `CONNMARK ${d.pick(['--save-mark', '--restore-mark', `--set-mark ${d.pick(marks)}`, '--restore-mark --nfmask 0x4000 --ctmask 0x4000'])}`;
    return {text: d.pick(['RETURN', 'ACCEPT', mark(), mark(), connmark(), ...(d.chance(0.15) ? ['DROP'] : [])])};
  }
  if (hook === 'PREROUTING' || hook === 'OUTPUT') {
    // From OUTPUT an own address leads through lo and two more hooks, which this wire does not follow; test/lab/service.test.ts does.
    const to = d.pick(hook === 'OUTPUT' ? [...b, ...a] : [...b, ...a, own['flannel.1']]);
    if (d.chance(0.4))
      return {
        text: `DNAT --to-destination ${bracket(family, to)}:8080`,
        proto: d.pick(['-p tcp', '-p udp', '-p tcp -m tcp --dport 80', '-p udp -m udp --dport 53']),
      };
    if (d.chance(0.2) && hook === 'PREROUTING') return {text: 'REDIRECT --to-ports 9000', proto: d.pick(['-p tcp', '-p udp'])};
    return {text: d.pick([`DNAT --to-destination ${to}`, 'RETURN', 'ACCEPT', 'RETURN'])};
  }
  const source = family === 4 ? '10.255.2.99' : 'fd55:2::99';
  if (hook === 'INPUT') return {text: d.pick(['RETURN', 'ACCEPT', 'ACCEPT', `SNAT --to-source ${source}`])};
  return {text: d.pick(['RETURN', 'MASQUERADE', 'MASQUERADE --random-fully', `SNAT --to-source ${source}`, 'ACCEPT', 'RETURN'])};
}

/** What the router itself says of a packet it refuses must get out, or DROP and REJECT look alike. */
const errors = (family: Family, chain: string): readonly string[] => [
  family === 4 ? `-A ${chain} -p icmp -m icmp --icmp-type 3 -j ACCEPT` : `-A ${chain} -p ipv6-icmp -m icmp6 --icmpv6-type 1 -j ACCEPT`,
  `-A ${chain} -p tcp -m tcp --tcp-flags RST RST -j ACCEPT`,
];

export function iptablesRuleset(d: Dice, family: Family): string {
  const tables = Object.entries(iptablesChains).filter(([name]) => name === 'filter' || d.chance(name === 'raw' ? 0.3 : 0.75));
  const texts = tables.map(([table, hooks]) => {
    const lines = [`*${table}`];
    for (const hook of hooks) lines.push(`:${hook} ${table === 'filter' && d.chance(0.25) ? 'DROP' : 'ACCEPT'} [0:0]`);
    // In nat a user chain belongs to one hook, for a target may only be used in some.
    const users =
      table === 'nat'
        ? hooks.map((hook) => [`U-${hook}`, hook] as const)
        : ([
            ['U0', 'USER'],
            ['U1', 'USER'],
          ] as const);
    for (const [name] of users) lines.push(`:${name} - [0:0]`);
    if (table !== 'nat') for (const hook of hooks) lines.push(...errors(family, hook));
    const rule = (chain: string, hook: string, jumps: readonly string[]) => {
      const place = {family, table, hook};
      const jump = jumps.length > 0 && d.chance(0.3) ? {text: d.pick(jumps)} : undefined;
      const act: {readonly text: string; readonly proto?: string} = jump ?? target(d, place, hook);
      const said = matches(d, place, act.proto);
      lines.push(`-A ${chain} ${said} ${jump && d.chance(0.2) ? '-g' : '-j'} ${act.text}`.replaceAll(/ +/g, ' '));
    };
    for (const hook of hooks) {
      const jumps = users.filter(([, of]) => of === hook || of === 'USER').map(([name]) => name);
      for (let n = d.int(0, 4); n > 0; n--) rule(hook, hook, jumps);
    }
    for (const [name, of] of users) {
      for (let n = d.int(0, 3); n > 0; n--) rule(name, of, name === 'U0' ? ['U1'] : []);
    }
    return [...lines, 'COMMIT'].join('\n');
  });
  // -g only goes with chains: a target was never chosen for it.
  return `${texts.join('\n')}\n`;
}
