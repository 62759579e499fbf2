import type {Ip} from '../../net/address.js';
import {deviceMatches, hasType, inNetwork, inRange} from './address-match.js';
import {type JsonObject, list, type NftTable, object} from './nft.js';
import {all, any, hasConnection, not, type Seen, type Ternary} from './packet.js';
import {icmpTypeNumber, protocolNumber} from './protocol.js';

/** The left side of a match: what of the packet is looked at. `absent` (a TCP port of a ping) ends the rule, whatever the operator. */
export type Field = 'absent' | 'unknown' | Asked;

export interface Asked {
  is(value: string | number): Ternary;
  between?(first: string | number, last: string | number): Ternary;
  /** For fields of flags: is this one among them? `is` then asks whether it is the only one. */
  has?(flag: string | number): Ternary;
  /** Are these all that are set, and nothing else? */
  only?(flags: readonly unknown[]): Ternary;
  /** For questions whether there is one: `exists` and `missing`. */
  readonly exists?: boolean;
  /** How wide the number is: integers are printed as prefixes too. */
  readonly bits?: number;
  /** For arithmetic; undefined when not known. */
  readonly number?: number | undefined;
  readonly parts?: readonly Field[];
}

/** Does a `match` statement hold? */
export function matchStatement(statement: JsonObject, table: NftTable, packet: Seen): Ternary {
  const {op, left, right} = statement as {op?: unknown; left?: unknown; right?: unknown};
  const field = fieldOf(left, packet);
  if (field === 'absent') return false;
  if (field === 'unknown') return 'unknown';
  if (typeof right === 'boolean') {
    if (field.exists === undefined || (op !== '==' && op !== '!=')) return 'unknown';
    return (field.exists === right) === (op === '==');
  }
  const several = flags(right);
  const equals = () => (Array.isArray(several) && field.only ? field.only(several) : holds(field, right, table));
  if (op === '==') return equals();
  if (op === '!=') return not(equals());
  if (op === 'in') return any(list(flags(right)).map((flag) => (field.has && isPlain(flag) ? field.has(flag) : holds(field, flag, table))));
  const n = typeof right === 'number' ? right : undefined;
  if (n === undefined || !field.between) return 'unknown';
  if (op === '>=') return field.between(n, Number.MAX_SAFE_INTEGER);
  if (op === '>') return field.between(n + 1, Number.MAX_SAFE_INTEGER);
  if (op === '<=') return field.between(0, n);
  return op === '<' ? field.between(0, n - 1) : 'unknown';
}

const isPlain = (value: unknown): value is string | number => typeof value === 'string' || typeof value === 'number';

/** Flags are printed as one name, a list, or joined by `|`. */
const flags = (value: unknown): unknown => object(value)?.['|'] ?? value;

/** Is the field equal to (or in) what stands on the right: a value, prefix, range, set or set name? */
export function holds(field: Asked, right: unknown, table: NftTable): Ternary {
  if (typeof right === 'string' && right.startsWith('@')) {
    const set = table.sets.get(right.slice(1));
    return !set || set.changing ? 'unknown' : any(set.elements.map((element) => holds(field, element, table)));
  }
  if (typeof right === 'string' || typeof right === 'number') return field.is(right);
  const it = object(right);
  if (!it) return 'unknown';
  if ('set' in it) return any(list(it['set']).map((element) => holds(field, element, table)));
  if ('elem' in it) return holds(field, object(it['elem'])?.['val'], table);
  if ('prefix' in it) {
    const prefix = object(it['prefix']);
    const [base, length] = [prefix?.['addr'], prefix?.['len']];
    if (typeof base === 'number') {
      if (field.bits === undefined || typeof length !== 'number') return 'unknown';
      const size = 2 ** (field.bits - length);
      return field.between?.(base, base + size - 1) ?? 'unknown';
    }
    return field.is(`${prefix?.['addr']}/${prefix?.['len']}`);
  }
  if ('range' in it) {
    const [first, last] = list(it['range']) as readonly (string | number | undefined)[];
    return first === undefined || last === undefined ? 'unknown' : (field.between?.(first, last) ?? 'unknown');
  }
  if ('concat' in it) {
    const values = list(it['concat']);
    if (!field.parts || values.length !== field.parts.length) return 'unknown';
    return all(field.parts.map((part, i) => (typeof part === 'string' ? 'unknown' : holds(part, values[i], table))));
  }
  return 'unknown';
}

/** What a left side asks of the packet. */
export function fieldOf(left: unknown, packet: Seen): Field {
  const it = object(left);
  if (!it) return 'unknown';
  const [kind = '', body] = Object.entries(it)[0] ?? [];
  if (kind === 'concat') return together(list(body).map((part) => fieldOf(part, packet)));
  if (kind === '&') return masked(list(body), packet);
  const about = object(body);
  if (!about) return 'unknown';
  if (kind === 'meta') return meta(String(about['key']), packet);
  if (kind === 'payload') return payload(String(about['protocol']), String(about['field']), packet);
  if (kind === 'ct') return conntrack(String(about['key']), packet);
  if (kind === 'fib') return fib(about, packet);
  return 'unknown';
}

function together(parts: readonly Field[]): Field {
  return parts.includes('absent') ? 'absent' : {is: () => 'unknown', parts};
}

function masked([left, mask]: readonly unknown[], packet: Seen): Field {
  const payloadOf = object(object(left)?.['payload']);
  // The low 13 bits are the fragment's offset; what the upper three (DF, MF) are is not known.
  if (payloadOf?.['field'] === 'frag-off' && mask === 8191) return packet.fragment ? 'unknown' : number(0);
  if (payloadOf?.['field'] === 'flags' && payloadOf['protocol'] === 'tcp') {
    if (!isProtocol('tcp', packet)) return 'absent';
    const looked = list(flags(mask)).map(String);
    const has = packet.tcpFlags?.map((flag) => flag.toLowerCase()).filter((flag) => looked.includes(flag));
    return has === undefined ? 'unknown' : exactFlags(has);
  }
  const field = fieldOf(left, packet);
  if (typeof field === 'string') return field;
  return typeof mask === 'number' && field.number !== undefined ? number((field.number & mask) >>> 0) : 'unknown';
}

const exactFlags = (has: readonly string[]): Asked => ({
  is: (value) => (value === 0 || value === '0x0' ? has.length === 0 : has.length === 1 && has[0] === value),
  has: (value) => has.includes(String(value)),
  only: (wanted) => wanted.length === has.length && wanted.every((flag) => has.includes(String(flag))),
});

const asNumber = (value: string | number): number | undefined =>
  typeof value === 'number' ? value : /^(0x[0-9a-f]+|\d+)$/i.test(value) ? Number(value) : undefined;

/** A number, with the names `read` knows for it. */
function number(actual: number | undefined, read: (value: string | number) => number | undefined = asNumber): Field {
  if (actual === undefined) return 'unknown';
  return {
    number: actual,
    is: (value) => {
      const wanted = read(value);
      return wanted === undefined ? 'unknown' : wanted === actual;
    },
    between: (first, last) => {
      const a = read(first);
      const b = read(last);
      return a === undefined || b === undefined ? 'unknown' : a <= actual && actual <= b;
    },
  };
}

const number32 = (actual: number | undefined): Field => {
  const field = number(actual);
  return typeof field === 'string' ? field : {...field, bits: 32};
};

const word = (actual: string | undefined): Field => (actual === undefined ? 'unknown' : {is: (value) => value === actual});
const device = (name: string | undefined): Field =>
  name === undefined ? 'unknown' : {is: (pattern) => deviceMatches(String(pattern), name, '*')};
const address = (at: Ip | undefined): Field => ({
  is: (value) => inNetwork(String(value), at),
  between: (first, last) => inRange(String(first), String(last), at),
});

const isProtocol = (name: string, packet: Seen): boolean => protocolNumber(packet.proto) === protocolNumber(name);

function meta(key: string, packet: Seen): Field {
  const four = packet.family === 4;
  switch (key) {
    case 'iifname':
    case 'iif':
      return device(packet.iif);
    case 'oifname':
    case 'oif':
      return device(packet.oif);
    case 'mark':
      return number32(packet.mark);
    case 'l4proto':
      return number(protocolNumber(packet.proto), protocolNumber);
    case 'nfproto':
      return {is: (value) => value === (four ? 'ipv4' : 'ipv6') || value === (four ? 2 : 10)};
    case 'protocol':
      return {is: (value) => value === (four ? 'ip' : 'ip6') || value === (four ? 0x0800 : 0x86dd)};
    case 'pkttype':
      return packet.pkttype === undefined ? 'unknown' : {is: (value) => (value === 'host' ? 'unicast' : value) === packet.pkttype};
    default:
      return 'unknown';
  }
}

const withPorts = new Set(['tcp', 'udp', 'udplite', 'sctp', 'dccp']);

function payload(protocol: string, field: string, packet: Seen): Field {
  if (protocol === 'ip' || protocol === 'ip6') {
    if ((protocol === 'ip') !== (packet.family === 4)) return 'absent';
    if (field === 'saddr') return address(packet.src);
    if (field === 'daddr') return address(packet.dst);
    if (field === 'ttl' || field === 'hoplimit') return number(packet.ttl);
    return field === 'protocol' || field === 'nexthdr' ? number(protocolNumber(packet.proto), protocolNumber) : 'unknown';
  }
  const ported = protocol === 'th' ? [...withPorts].some((name) => isProtocol(name, packet)) : withPorts.has(protocol);
  if (protocol !== 'th' && protocolNumber(protocol) !== undefined && !isProtocol(protocol, packet)) return 'absent';
  if (ported && field === 'sport') return number(packet.sport);
  if (ported && field === 'dport') return number(packet.dport);
  if (protocol === 'tcp' && field === 'flags') {
    const has = packet.tcpFlags?.map((flag) => flag.toLowerCase());
    return has === undefined ? 'unknown' : exactFlags(has);
  }
  if ((protocol === 'icmp' || protocol === 'icmpv6') && (field === 'type' || field === 'code')) {
    return field === 'code'
      ? number(packet.icmpCode)
      : number(packet.icmpType, (value) => icmpTypeNumber(value, protocol === 'icmp' ? 4 : 6));
  }
  return 'unknown';
}

function conntrack(key: string, packet: Seen): Field {
  if (key === 'state') return word(packet.ctstate);
  // Without a connection every other question ends the rule.
  if (!hasConnection(packet)) return 'absent';
  if (key === 'mark') return number32(packet.ctmark);
  // The bit of a NAT never stands alone: the one that says the NAT is set up is there with it.
  if (key === 'status') {
    const nat = (flag: string | number) => (flag === 'dnat' || flag === 'snat' ? flag : undefined);
    return {
      has: (flag) => (nat(flag) === undefined ? 'unknown' : (packet.ctnat?.[flag as 'dnat' | 'snat'] ?? 'unknown')),
      is: (flag) => (nat(flag) === undefined ? 'unknown' : false),
    };
  }
  if (key === 'direction') return word(packet.ctdir ?? (packet.ctstate === 'new' ? 'original' : undefined));
  return 'unknown';
}

function fib(about: JsonObject, packet: Seen): Field {
  const asked = list(about['flags']);
  // `missing` and `exists` are printed as false and true.
  if (about['result'] === 'oif' && asked.includes('saddr') && asked.includes('iif')) {
    const reversePath = typeof packet.reversePath === 'function' ? packet.reversePath() : packet.reversePath;
    return reversePath === undefined ? 'unknown' : {is: () => 'unknown', exists: reversePath};
  }
  if (about['result'] !== 'type') return 'unknown';
  const at = asked.includes('daddr') ? packet.dst : packet.src;
  // With a device the question is whether the address is one of that device: a no without it stays a no.
  const narrowed = asked.includes('iif') || asked.includes('oif');
  return {
    is: (type) => {
      const answer = hasType(String(type), at, packet);
      return narrowed && !(answer === false && type === 'local') ? 'unknown' : answer;
    },
  };
}
