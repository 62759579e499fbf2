import {familyOf, numberOf, tryIp, widthOf} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';

/**
 * The prefixes that a cluster uses. An address that is a prefix's first or last, or counted from there (the `.1` of a bridge, the `.0` of a
 * VXLAN device), has to stay that, or the redacted tables would be wrong ones.
 */
export class KnownPrefixes {
  readonly #prefixes = new Set<string>();
  readonly #kept = new Set<string>();

  /** Is it the first `bits` of a prefix in use? `top` are those bits, as a number. */
  has(family: 4 | 6, bits: number, top: bigint): boolean {
    return this.#prefixes.has(keyOf(family, bits, top));
  }

  /** Below it nothing is changed. */
  keeps(family: 4 | 6, bits: number, top: bigint): boolean {
    return this.#kept.has(keyOf(family, bits, top));
  }

  add(address: string, bits: number): void {
    const parsed = tryPrefix(`${address}/${bits}`);
    if (parsed === undefined) return;
    const family = familyOf(parsed);
    this.#prefixes.add(keyOf(family, bits, numberOf(parsed.slice(0, parsed.indexOf('/'))) >> BigInt(widthOf(family) - bits)));
  }

  /** A range that is no prefix keeps its order only when the addresses in it keep theirs: nothing changes below what its ends have in common. */
  addRange(from: string, to: string): void {
    const [first, last] = [tryIp(from), tryIp(to)];
    if (first === undefined || last === undefined || familyOf(first) !== familyOf(last)) return;
    const family = familyOf(first);
    let [a, b] = [numberOf(first), numberOf(last)];
    let bits: number = widthOf(family);
    while (a !== b) {
      [a, b] = [a >> 1n, b >> 1n];
      bits -= 1;
    }
    this.#kept.add(keyOf(family, bits, a));
  }

  /** All prefixes that a listing names, in any of the forms that the tools print. */
  learn(text: string): void {
    for (const [, address = '', bits = ''] of text.matchAll(PREFIX)) this.add(full(address), Number(bits));
    for (const [, address = '', bits = ''] of text.matchAll(JSON_PREFIX)) this.add(address, Number(bits));
    for (const [, address = '', mask = ''] of text.matchAll(MASKED)) {
      const bits = maskBits(mask);
      if (bits !== undefined) this.add(address, bits);
    }
    for (const [, from = '', to = ''] of text.matchAll(RANGE)) this.addRange(from, to);
    for (const [address] of text.matchAll(ROUND_V4)) this.add(address, 32 - 8 * (/(?:\.0)+$/.exec(address)![0].length / 2));
    for (const [address] of text.matchAll(ROUND_V6)) this.add(address, 64);
  }
}

const keyOf = (family: 4 | 6, bits: number, top: bigint): string => `${family}/${bits}/${top.toString(36)}`;

/** `10.244` of the short form `10.244/16`, with its zeros. */
const full = (address: string): string =>
  address.includes(':') ? address : `${address}${'.0'.repeat(Math.max(0, 3 - (address.split('.').length - 1)))}`;

/** `10.244.1.0/24`, `fd44::/56`, and as etcd's keys have it: `10.244.1.0-24`. */
const PREFIX = /(\d{1,3}(?:\.\d{1,3}){1,3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f:]*)[/-](\d{1,3})(?![\d.:])/gi;
/** `ip -j` (`"local":…,"prefixlen":…`, `"src":…,"srclen":…`) and `nft -j` (`"addr":…,"len":…`). */
const JSON_PREFIX = /"(?:local|addr|src|dst)":\s*"([0-9a-f.:]+)",\s*"(?:prefixlen|len|srclen|dstlen)":\s*(\d{1,3})/gi;
/** `route -n`: the destination, the gateway, the mask. */
const MASKED =
  /(\d{1,3}(?:\.\d{1,3}){3})\s+(?:\d{1,3}(?:\.\d{1,3}){3}\s+)?((?:255|254|252|248|240|224|192|128|0)(?:\.\d{1,3}){3})(?![\d.])/g;
/** iptables' `10.0.0.3-10.0.0.9`, nft's `"range": ["10.0.0.3", "10.0.0.9"]`. */
const RANGE = /([0-9a-f.:]{3,})(?:-|",\s*")([0-9a-f]{1,4}[.:][0-9a-f.:]+)/gi;
/** A device's own address is its subnet's first, without a length in most listings. */
const ROUND_V4 = /(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.0(?![\d.])/g;
const ROUND_V6 = /(?<![0-9a-z:.])[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,3}::(?![0-9a-f:.])/gi;

function maskBits(mask: string): number | undefined {
  if (tryIp(mask) === undefined) return undefined;
  const binary = numberOf(mask).toString(2).padStart(32, '0');
  return /^1*0*$/.test(binary) ? binary.replaceAll('0', '').length : undefined;
}
