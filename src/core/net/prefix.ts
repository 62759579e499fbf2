import {address4Of, addressOf, type Family, familyOf, type Ip, number4Of, numberOf, type Prefix, tryIp, widthOf} from './address.js';

export interface PrefixParts {
  readonly family: Family;
  readonly base: Ip;
  readonly bits: number;
  /** First and last address, inclusive, as numbers. */
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Reads `a.b.c.d/len`, `a.b.c.d`, their IPv6 forms, and the short forms old `ip` prints (`10.244/16`). Host bits are cleared.
 * Undefined when the text is no prefix.
 */
export function tryPrefix(text: string): Prefix | undefined {
  const known = canonical.get(text);
  if (known !== undefined) return known;
  const read = readPrefix(text);
  if (read !== undefined) {
    if (canonical.size > REMEMBERED) canonical.clear();
    canonical.set(text, read);
  }
  return read;
}

/** A cluster has few prefixes, and every node prints them all. */
const REMEMBERED = 50_000;
const canonical = new Map<string, Prefix>();

function readPrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const head = slash < 0 ? text : text.slice(0, slash);
  const address =
    tryIp(head) ??
    (slash > 0 && /^\d{1,3}(\.\d{1,3}){0,2}$/.test(head) ? tryIp(`${head}${'.0'.repeat(3 - (head.split('.').length - 1))}`) : undefined);
  if (address === undefined) return undefined;
  const width = widthOf(familyOf(address));
  const tail = slash < 0 ? String(width) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(tail) || Number(tail) > width) return undefined;
  const bits = Number(tail);
  return bits === width ? `${address}/${bits}` : `${width === 32 ? networkV4(address, bits) : network(address, bits)}/${bits}`;
}

/** `network` without big integers, for the one form that tables hold by the thousand. */
function networkV4(address: Ip, bits: number): Ip {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const base = bits === 0 ? 0 : (((a << 24) | (b << 16) | (c << 8) | d) & (-1 << (32 - bits))) >>> 0;
  return `${base >>> 24}.${(base >>> 16) & 255}.${(base >>> 8) & 255}.${base & 255}`;
}

/** @throws RangeError when the text is not a prefix. */
export function prefix(text: string): Prefix {
  const parsed = tryPrefix(text);
  if (parsed === undefined) throw new RangeError(`not a prefix: ${JSON.stringify(text)}`);
  return parsed;
}

/** The network address of `address/bits`. */
export function network(address: Ip, bits: number): Ip {
  const family = familyOf(address);
  // A shift by 32 is a shift by 0.
  if (family === 4) return bits === 0 ? '0.0.0.0' : address4Of((number4Of(address) >>> (32 - bits)) << (32 - bits));
  const host = BigInt(widthOf(family) - bits);
  return addressOf((numberOf(address) >> host) << host, family);
}

const memo = new Map<Prefix, PrefixParts>();

/** The parts of a canonical prefix. Remembered, since a cluster asks for the same few thousand again and again. */
export function partsOf(text: Prefix): PrefixParts {
  const known = memo.get(text);
  if (known) return known;
  const [base = '', length = ''] = text.split('/');
  const family = familyOf(base);
  const bits = Number(length);
  const first = numberOf(base);
  const parts = {family, base, bits, first, last: first + (1n << BigInt(widthOf(family) - bits)) - 1n};
  if (memo.size > REMEMBERED) memo.clear();
  memo.set(text, parts);
  return parts;
}

/** The network address of a prefix: `10.244.1.0` of `10.244.1.0/24`. */
export const baseOf = (text: Prefix): Ip => text.slice(0, text.indexOf('/'));

export const lengthOf = (text: Prefix): number => Number(text.slice(text.indexOf('/') + 1));

/** Does `outer` hold the address or the whole prefix `inner`? */
export function contains(outer: Prefix, inner: Ip | Prefix): boolean {
  if (familyOf(outer) !== familyOf(inner)) return false;
  const o = partsOf(outer);
  if (!inner.includes('/')) {
    const n = numberOf(inner as Ip);
    return o.first <= n && n <= o.last;
  }
  const i = partsOf(inner as Prefix);
  return o.first <= i.first && i.last <= o.last;
}

export const overlaps = (a: Prefix, b: Prefix): boolean => contains(a, b) || contains(b, a);

/** The n-th address of a prefix: 0 is the network address. */
export const hostOf = (text: Prefix, n: number): Ip => addressOf(partsOf(text).first + BigInt(n), partsOf(text).family);

export const anyPrefix = (family: Family): Prefix => (family === 4 ? '0.0.0.0/0' : '::/0');
