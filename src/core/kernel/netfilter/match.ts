import {deviceMatches, hasType, hasTypes6, inNetwork, inRange} from './address-match.js';
import type {IptMatch, IptRule} from './iptables.js';
import {all, any, hasConnection, not, type Seen, type Ternary} from './packet.js';
import {icmpTypeNumber, protocolNumber} from './protocol.js';

/**
 * Does the rule match the packet? One option that certainly fails settles it; otherwise one option that cannot be judged from what
 * iptables-save and the packet say (sets, limits, chance, IPsec policy, …) leaves it unknown.
 */
export function matches(rule: IptRule, packet: Seen): Ternary {
  return all(answers(rule.matches, packet));
}

function* answers(options: readonly IptMatch[], packet: Seen): Generator<Ternary> {
  for (const option of options) yield matchOption(option, packet);
}

/** One option of a rule; `unknown` for every module without a judge here. */
export function matchOption(match: IptMatch, packet: Seen): Ternary {
  const judge = judges[`${match.module} ${match.option}`] ?? judges[`${match.module} *`];
  // Packets here carry no routing header, and without one the answer is no, negated or not (rt_mt6).
  if (match.module === 'rt') return false;
  if (!judge) return 'unknown';
  // Without a connection connmark says no, and `!` makes no yes of it (connmark_mt).
  if (match.module === 'connmark' && !hasConnection(packet)) return false;
  const answer = judge(match.values, packet, match);
  return match.negated ? not(answer) : answer;
}

type Judge = (values: readonly string[], packet: Seen, match: IptMatch) => Ternary;

const protocol: Judge = ([wanted = ''], packet) => {
  const number = protocolNumber(wanted);
  const actual = protocolNumber(packet.proto);
  if (number === 0) return true;
  return number === undefined || actual === undefined ? 'unknown' : number === actual;
};

/** Is the port in `a` or `a:b` (`:b` from 0, `a:` to 65535)? */
function inPorts(range: string, port: number | undefined): Ternary {
  const parsed = /^(\d*)(?::(\d*))?$/.exec(range);
  if (!parsed || port === undefined) return 'unknown';
  const [, first = '', last] = parsed;
  const low = first === '' ? 0 : Number(first);
  const high = last === undefined ? low : last === '' ? 65535 : Number(last);
  return low <= port && port <= high;
}

const portOf =
  (side: 'sport' | 'dport'): Judge =>
  ([range = ''], packet) =>
    inPorts(range, packet[side]);

const portList =
  (...sides: readonly ('sport' | 'dport')[]): Judge =>
  ([list = ''], packet) =>
    any(list.split(',').flatMap((range) => sides.map((side) => inPorts(range, packet[side]))));

function marked(wanted: string, mark: number | undefined): Ternary {
  const parsed = markAndMask(wanted);
  return parsed === undefined || mark === undefined ? 'unknown' : (mark & parsed.mask) >>> 0 === parsed.value;
}

/** `0x4000/0x4000` as numbers; the mask is all ones when not written. */
export function markAndMask(text: string): {readonly value: number; readonly mask: number} | undefined {
  const parsed = /^(0x[0-9a-f]{1,8}|\d{1,10})(?:\/(0x[0-9a-f]{1,8}|\d{1,10}))?$/i.exec(text);
  if (!parsed) return undefined;
  return {value: Number(parsed[1]) >>> 0, mask: parsed[2] === undefined ? 0xffffffff : Number(parsed[2]) >>> 0};
}

const ctstate: Judge = ([list = ''], packet) =>
  any(
    list.split(',').map((name): Ternary => {
      if (name === 'SNAT' || name === 'DNAT') {
        return hasConnection(packet) && (packet.ctnat?.[name === 'SNAT' ? 'snat' : 'dnat'] ?? 'unknown');
      }
      return name.toLowerCase() === packet.ctstate;
    }),
  );

const addressType =
  (side: 'src' | 'dst'): Judge =>
  ([list = ''], packet) => {
    const types = list.toLowerCase().split(',');
    return packet.family === 4 ? any(types.map((type) => hasType(type, packet[side], packet))) : hasTypes6(types, packet[side], packet);
  };

const icmp =
  (family: 4 | 6): Judge =>
  ([wanted = ''], packet) => {
    if (wanted === 'any' || wanted === '255') return true;
    const [name = '', code] = wanted.split('/');
    const type = icmpTypeNumber(name, family);
    if (type === undefined || packet.icmpType === undefined) return 'unknown';
    if (type !== packet.icmpType) return false;
    if (code === undefined) return true;
    return packet.icmpCode === undefined ? 'unknown' : Number(code) === packet.icmpCode;
  };

const tcpFlags: Judge = ([mask = '', set = ''], packet) => {
  const flags = packet.tcpFlags;
  if (flags === undefined) return 'unknown';
  const looked = mask === 'ALL' ? ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] : mask.split(',');
  const wanted = set === 'ALL' ? looked : set.split(',');
  return looked.every((flag) => flags.includes(flag) === wanted.includes(flag));
};

const physical =
  (side: 'in' | 'out'): Judge =>
  ([wanted = ''], {physdev}) => {
    if (physdev === undefined) return 'unknown';
    return physdev !== false && deviceMatches(wanted, physdev[side] ?? '', '+');
  };

const hops =
  (holds: (ttl: number, wanted: number) => boolean): Judge =>
  ([wanted = ''], {ttl}) =>
    ttl === undefined || !/^\d+$/.test(wanted) ? 'unknown' : holds(ttl, Number(wanted));
const [equal, less, greater] = [hops((a, b) => a === b), hops((a, b) => a < b), hops((a, b) => a > b)];

const yes: Judge = () => true;

const judges: {readonly [moduleAndOption: string]: Judge} = {
  ' -s': ([network = ''], packet) => inNetwork(network, packet.src),
  ' -d': ([network = ''], packet) => inNetwork(network, packet.dst),
  ' -i': ([device = ''], packet) => deviceMatches(device, packet.iif, '+'),
  ' -o': ([device = ''], packet) => deviceMatches(device, packet.oif, '+'),
  ' -p': protocol,
  ' -f': (_values, packet) => packet.fragment ?? false,
  'tcp --sport': portOf('sport'),
  'tcp --dport': portOf('dport'),
  'tcp --tcp-flags': tcpFlags,
  'tcp --syn': (_values, packet, match) => tcpFlags(['FIN,SYN,RST,ACK', 'SYN'], packet, match),
  'tcp ': yes,
  'udp --sport': portOf('sport'),
  'udp --dport': portOf('dport'),
  'udp ': yes,
  'sctp --sport': portOf('sport'),
  'sctp --dport': portOf('dport'),
  'multiport --sports': portList('sport'),
  'multiport --dports': portList('dport'),
  'multiport --ports': portList('sport', 'dport'),
  'mark --mark': ([wanted = ''], packet) => marked(wanted, packet.mark),
  'connmark --mark': ([wanted = ''], packet) => marked(wanted, packet.ctmark),
  'comment --comment': yes,
  'conntrack --ctstate': ctstate,
  'state --state': ctstate,
  'addrtype --src-type': addressType('src'),
  'addrtype --dst-type': addressType('dst'),
  // Narrows the type to addresses of one device: a yes of the other options may then be a no, and says so below.
  'addrtype --limit-iface-in': () => 'unknown',
  'addrtype --limit-iface-out': () => 'unknown',
  'icmp --icmp-type': icmp(4),
  'icmp6 --icmpv6-type': icmp(6),
  'ttl --ttl-eq': equal,
  'ttl --ttl-lt': less,
  'ttl --ttl-gt': greater,
  'hl --hl-eq': equal,
  'hl --hl-lt': less,
  'hl --hl-gt': greater,
  'iprange --src-range': ([range = ''], packet) => inRange(...ends(range), packet.src),
  'iprange --dst-range': ([range = ''], packet) => inRange(...ends(range), packet.dst),
  'pkttype --pkt-type': ([type = ''], packet) => (packet.pkttype === undefined ? 'unknown' : packet.pkttype === type),
  'physdev --physdev-in': physical('in'),
  'physdev --physdev-out': physical('out'),
  'physdev --physdev-is-bridged': (_values, {physdev}) =>
    physdev === undefined ? 'unknown' : physdev !== false && physdev.in !== undefined && physdev.out !== undefined,
  'physdev --physdev-is-in': (_values, {physdev}) => (physdev === undefined ? 'unknown' : physdev !== false && physdev.in !== undefined),
  'physdev --physdev-is-out': (_values, {physdev}) => (physdev === undefined ? 'unknown' : physdev !== false && physdev.out !== undefined),
  // Only counts in a named counter.
  'nfacct *': yes,
};

const ends = (range: string): [string, string] => {
  const [first = '', last = first] = range.split('-');
  return [first, last];
};
