import {isIP} from 'node:net';
import {normalizeIp, parseIp, stringifyIp} from 'ip-bigint';

export type Family = 4 | 6;

/** Canonical address text (lower case, shortest IPv6), so that `===` compares addresses. */
export type Ip = string;
/** Lower-case, colon-separated Ethernet address. */
export type Mac = string;
/** Canonical prefix text, host bits zero, length always written: `10.244.1.0/24`, `10.0.0.1/32`, `0.0.0.0/0`. */
export type Prefix = string;

/** Plain dotted quads need no normalising; they are nearly all of what a cluster has. */
const plainV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** The canonical form of an address, or undefined when the text is none (`010.1.1.1`, `1.2.3`, `fe80::1%eth0` are none). */
export function tryIp(text: string): Ip | undefined {
  if (plainV4.test(text)) return text;
  // ip-bigint parses but does not validate; node:net validates but does not normalise.
  return isIP(text) === 0 || text.includes('%') ? undefined : normalizeIp(text);
}

/** @throws RangeError when the text is not an address. */
export function ip(text: string): Ip {
  const address = tryIp(text);
  if (address === undefined) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  return address;
}

export function tryMac(text: string): Mac | undefined {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) ? text.toLowerCase() : undefined;
}

export const familyOf = (text: Ip | Prefix): Family => (text.includes(':') ? 6 : 4);

export const widthOf = (family: Family): 32 | 128 => (family === 4 ? 32 : 128);

/** An address as a number, for arithmetic. */
export const numberOf = (address: Ip): bigint => parseIp(address).number;

export const addressOf = (number: bigint, family: Family): Ip => stringifyIp({number, version: family});
