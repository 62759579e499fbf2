import type {Rulesets} from '../../src/core/kernel/netfilter/evaluate.js';
import {parseIptables} from '../../src/core/kernel/netfilter/iptables.js';
import {parseNft} from '../../src/core/kernel/netfilter/nft.js';
import type {Seen} from '../../src/core/kernel/netfilter/packet.js';
import {type Connection, type Given, type Routed, traverse, type Way} from '../../src/core/kernel/netfilter/traverse.js';
import type {Family, Ip} from '../../src/core/net/address.js';
import {type Dice, ports} from './dice.js';
import type {Datagram, Heard} from './frame.js';
import {iptablesChains} from './iptables-rules.js';
import {addresses, type Place, type Sending, type Wire} from './wire.js';

export interface Question {
  readonly from: Place;
  readonly family: Family;
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly src: Ip;
  readonly dst: Ip;
  /** Of an echo: its identifier. */
  readonly sport: number;
  readonly dport: number;
  readonly mark: number;
}

export interface Mismatch {
  readonly question: Question;
  readonly direction: 'original' | 'reply';
  readonly said: string;
  readonly saw: string;
  readonly because: readonly string[];
}

export interface Tally {
  packets: number;
  replies: number;
  accept: number;
  drop: number;
  reject: number;
  translated: number;
  unknown: number;
  /** What it was not sure of, and why. */
  unsure: string[];
  mismatches: Mismatch[];
}

export const nothing = (): Tally => ({
  packets: 0,
  replies: 0,
  accept: 0,
  drop: 0,
  reject: 0,
  translated: 0,
  unknown: 0,
  unsure: [],
  mismatches: [],
});

/** A packet from a client through or to the router, or from the router itself. */
export function question(d: Dice, family: Family, sport: number): Question {
  const {a, b, own} = addresses[family];
  const from = d.pick(['a', 'a', 'a', 'b', 'f'] as const);
  const proto = d.pick(['tcp', 'udp', 'icmp'] as const);
  const there = from === 'a' ? b : from === 'b' ? a : [...a, ...b];
  const dst = from !== 'f' && d.chance(0.25) ? d.pick(Object.values(own)) : d.pick(there);
  const src = from === 'f' ? d.pick(Object.values(own)) : d.pick(from === 'a' ? a : b);
  return {
    from,
    family,
    proto,
    src,
    dst,
    sport,
    dport: d.chance(0.8) ? d.pick(ports) : d.int(1, 65_535),
    mark: from === 'f' && d.chance(0.3) ? 0x4000 : 0,
  };
}

let serial = 0;
/** What a packet carries, by which it is found again. */
const next = (): number => ++serial;

/** What was sent. */
interface Sent {
  readonly question: Question;
  readonly datagram: Datagram;
}

/** Of one exchange each packet is a connection of its own. */
function fresh({family, proto, src, dst, dport, sport, ...one}: Question): Sent {
  const datagram = {family, proto, src, dst, sport, dport: proto === 'icmp' ? 0 : dport, id: next()};
  return {question: {...one, family, proto, src, dst, sport, dport}, datagram};
}

const deviceTo = (family: Family, to: Ip): 'cni0' | 'flannel.1' | undefined => {
  const {a, b, own} = addresses[family];
  if (a.includes(to) || to.startsWith(own.cni0.replace(/1$/, ''))) return 'cni0';
  return b.includes(to) || to.startsWith('10.96.') || to.startsWith(own['flannel.1'].replace(/1$/, '')) ? 'flannel.1' : undefined;
};

const isOwn = (family: Family, ip: Ip) => Object.values(addresses[family].own).includes(ip);

function seenAs(
  {question: {from, mark}, datagram}: {readonly question: Question; readonly datagram: Datagram},
  ctstate: Seen['ctstate'],
  icmpType: number,
): Seen {
  const {family, proto, src, dst, sport, dport, flags} = datagram;
  const icmp = proto === 'icmp';
  return {
    family,
    src,
    dst,
    proto: icmp && family === 6 ? 'icmpv6' : proto,
    ...(icmp ? {icmpType, icmpCode: 0} : {sport, dport}),
    ...(proto === 'tcp' ? {tcpFlags: flags === 0x12 ? ['SYN', 'ACK'] : ['SYN']} : {}),
    mark,
    pkttype: 'unicast',
    ttl: 64,
    reversePath: true,
    ctstate,
    ...(from === 'f' ? {oif: deviceTo(family, dst)} : {iif: from === 'a' ? 'cni0' : 'flannel.1'}),
    addressOf: (device) => (addresses[family].own as {readonly [device: string]: Ip})[device],
    addressType: (ip) => (isOwn(family, ip) ? 'local' : 'unicast'),
  };
}

const given = (family: Family, local: boolean): Given => ({
  route: ({dst}): Routed => {
    if (dst !== undefined && isOwn(family, dst)) return {to: 'input'};
    const oif = dst === undefined ? undefined : deviceTo(family, dst);
    return oif === undefined ? {to: 'nowhere', why: 'no route'} : {to: local ? 'output' : 'forward', oif};
  },
});

/** What a test of the wire can see of a verdict: where it came out and with which addresses, or how it was stopped. Unknown ports are `*`. */
function said(way: Way, from: Place): string {
  if (way.verdict !== 'accept') return way.verdict;
  const {src, dst, sport, dport, proto} = way.packet;
  const last = way.hooks.at(-1)?.hook;
  const at = last === 'input' ? 'f' : way.packet.oif === 'cni0' ? 'a' : 'b';
  if (from !== 'f' && last === 'output') throw new Error('a packet that came in cannot go out by OUTPUT');
  const tail = proto.startsWith('icmp') ? '' : ` ${sport ?? '*'} ${dport ?? '*'}`;
  return `${at} ${src ?? '*'} ${dst ?? '*'}${tail}`;
}

function saw(
  sent: Sent | undefined,
  {id, sport, dport}: Datagram,
  heard: readonly (Heard & {readonly at: Place})[],
  from: Place,
): {text: string; packet?: Heard & {at: Place}} {
  const proto = sent?.datagram.proto;
  const own = heard.filter((one) => one.id === id && one.quoted === undefined);
  // Also the router's sockets hear what is sent to it and answered: only what is not an answer counts.
  const packet = own.find((one) => !(one.icmpType === 0 || one.icmpType === 129) || sent === undefined);
  if (packet) {
    const tail = proto === 'icmp' || packet.icmpType !== undefined ? '' : ` ${packet.sport} ${packet.dport}`;
    return {text: `${packet.at} ${packet.src} ${packet.dst}${tail}`, packet};
  }
  const refused = heard.some(
    (one) =>
      one.at === from &&
      (one.quoted?.id === id || (one.proto === 6 && ((one.flags ?? 0) & 4) !== 0 && one.dport === sport && one.sport === dport)),
  );
  return {text: refused ? 'reject' : 'drop'};
}

const alike = (a: string, b: string): boolean => {
  const [x, y] = [a.split(' '), b.split(' ')];
  return x.length === y.length && x.every((word, i) => word === '*' || word === y[i]);
};

const because = (way: Way): readonly string[] =>
  way.hooks.map(
    (hook) =>
      `${hook.hook}: ${hook.verdict} mark ${hook.mark}${hook.by ? ` by ${hook.by.table} ${hook.by.chain}: ${hook.by.text}` : ''}${hook.nat ? ` nat ${hook.nat.rule}` : ''}${hook.unknowns.length > 0 ? ` not sure of ${hook.unknowns.join(' | ')}` : ''}`,
  );

/** Sends the packets and then an answer to each that got through, and compares both with what the rules say. */
export async function compare(
  wire: Wire,
  rulesets: {readonly [F in Family]: Rulesets},
  questions: readonly Question[],
  quiet: number,
): Promise<Tally> {
  const tally = nothing();
  const sent = questions.map(fresh);
  const heard = await wire.exchange(
    sent.map(({question: {from, mark}, datagram}): Sending => ({from, mark, packet: datagram})),
    quiet,
    true,
  );
  const answers: {
    readonly sent: Sent;
    readonly answer: Datagram;
    readonly from: Place;
    readonly connection: Connection;
    readonly ctmark: number | undefined;
  }[] = [];
  for (const one of sent) {
    const {question: q, datagram} = one;
    const first = seenAs(one, 'new', q.family === 4 ? 8 : 128);
    const {ways, ...decisive} = traverse(rulesets[q.family], q.from === 'f' ? 'output' : 'forward', first, given(q.family, q.from === 'f'));
    const real = saw(one, datagram, heard, q.from);
    // Where chance picks the way, the one it took.
    const way = (ways.length > 1 ? ways.find((each) => alike(said(each, q.from), real.text)) : undefined) ?? decisive;
    tally.packets++;
    if (way.verdict !== 'nowhere') tally[ways.length > 1 ? 'unknown' : way.verdict]++;
    if (ways.length > 1 || way.verdict === 'unknown') tally.unsure.push(...because(way));
    if (way.dnat || way.snat) tally.translated++;
    if (!alike(said(way, q.from), real.text)) {
      tally.mismatches.push({question: q, direction: 'original', said: said(way, q.from), saw: real.text, because: because(way)});
      continue;
    }
    const {packet} = real;
    // What a socket of the router is sent, its kernel answers by itself: with an RST, which ends the connection, or an echo reply.
    if (!packet || !way.connection || (packet.at === 'f' && q.proto !== 'udp')) continue;
    const answer: Datagram = {
      family: q.family,
      proto: q.proto,
      src: packet.dst,
      dst: packet.src,
      sport: q.proto === 'icmp' ? packet.sport : packet.dport,
      dport: q.proto === 'icmp' ? 0 : packet.sport,
      id: next(),
      flags: 0x12,
      icmpType: q.family === 4 ? 0 : 129,
    };
    const {reply} = way.connection;
    const connection = {...way.connection, reply: {...reply, dst: answer.dst, ...(q.proto === 'icmp' ? {} : {dport: answer.dport})}};
    answers.push({sent: one, answer, from: packet.at, connection, ctmark: way.packet.ctmark});
  }
  const back = await wire.exchange(
    answers.map(({from, answer}): Sending => ({from, mark: 0, packet: answer})),
    quiet,
    false,
  );
  for (const {sent: one, answer, from, connection, ctmark} of answers) {
    const first = {...seenAs({question: {...one.question, from, mark: 0}, datagram: answer}, 'established', answer.icmpType ?? 0), ctmark};
    const flow = {connection, direction: 'reply'} as const;
    const way = traverse(rulesets[answer.family], from === 'f' ? 'output' : 'forward', first, {
      ...given(answer.family, from === 'f'),
      flow,
    });
    const real = saw(undefined, answer, back, from);
    // An answer that is refused may be told of to its sender in ways a sender without a socket does not hear of.
    const claim = said(way, from) === 'reject' && real.text === 'drop' && from === 'f' ? 'drop' : said(way, from);
    tally.replies++;
    if (way.verdict !== 'nowhere') tally[way.verdict]++;
    if (!alike(claim, real.text)) {
      tally.mismatches.push({
        question: {...one.question},
        direction: 'reply',
        said: said(way, from),
        saw: real.text,
        because: because(way),
      });
    }
  }
  return tally;
}

export interface Kind {
  /** Makes rules, loads them, and returns what the kernel took. */
  readonly load: (rules: string) => void;
  readonly read: () => {readonly [F in Family]: Rulesets};
}

const must = <T extends {readonly problems: readonly unknown[]}>(parsed: T): T => {
  if (parsed.problems.length > 0) throw new Error(`not read: ${JSON.stringify(parsed.problems)}`);
  return parsed;
};

export function iptablesKind(wire: Wire, family: Family, flavour: 'nft' | 'legacy'): Kind {
  const tool = `${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}`;
  return {
    load: (rules) => {
      // A policy stays what it was unless it is said.
      const rest = Object.entries(iptablesChains)
        .filter(([name]) => !rules.includes(`*${name}\n`))
        .map(([name, chains]) => `*${name}\n${chains.map((chain) => `:${chain} ACCEPT [0:0]\n`).join('')}COMMIT\n`);
      wire.router(`${tool}-restore`, rules + rest.join(''));
    },
    read: () => {
      const {ruleset} = must(parseIptables(wire.router(`${tool}-save`), {command: `${tool}-save`, family, flavour}));
      const one: Rulesets = flavour === 'nft' ? {iptables: ruleset} : {iptablesLegacy: ruleset};
      return {4: one, 6: one};
    },
  };
}

export function nftKind(wire: Wire): Kind {
  return {
    load: (rules) => void wire.router('nft -f -', `flush ruleset\n${rules}`),
    read: () => {
      const {ruleset} = must(parseNft(wire.router('nft -j list ruleset'), {command: 'nft -j list ruleset'}));
      return {4: {nft: ruleset}, 6: {nft: ruleset}};
    },
  };
}

/** Leaves out the lines nft refuses: what dice put together can contradict itself. */
export function loadable(kind: Kind, rules: string): string {
  let lines = rules.split('\n');
  for (let tries = 0; tries < 40; tries++) {
    try {
      kind.load(lines.join('\n'));
      return lines.join('\n');
    } catch (error) {
      const message = String((error as {stderr?: string}).stderr);
      const bad = new Set([...message.matchAll(/^(?:\/dev\/stdin|-|Error: )?:?(\d+):\d+-\d+: Error/gm)].map((m) => Number(m[1]) - 2));
      if (bad.size === 0) throw new Error(`${message}\n${lines.join('\n')}`);
      lines = lines.filter((_line, i) => !bad.has(i));
    }
  }
  throw new Error(`nft does not take\n${rules}`);
}

const isRule = (line: string) => line.startsWith('-A ') || (line.startsWith('    ') && !line.includes(' hook '));

/** The fewest rules with which the packet still fares otherwise than said. */
export async function shrink(
  wire: Wire,
  kind: Kind,
  rules: string,
  mismatch: Mismatch,
): Promise<{rules: string; mismatch: Mismatch} | undefined> {
  const again = async (text: string) => {
    try {
      kind.load(text);
    } catch {
      return undefined;
    }
    return (await compare(wire, kind.read(), [mismatch.question], 0.08)).mismatches[0];
  };
  let now = await again(rules);
  if (!now) return undefined;
  let lines = rules.split('\n');
  for (let i = lines.length - 1; i >= 0; i--) {
    if (!isRule(lines[i] ?? '')) continue;
    const fewer = lines.toSpliced(i, 1);
    const still = await again(fewer.join('\n'));
    if (still) [lines, now] = [fewer, still];
  }
  return {rules: lines.join('\n'), mismatch: now};
}
