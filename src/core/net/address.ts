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

/** An IPv4 address as a number below 2³², read digit by digit: no array, no big integer. The text must be one (see tryIp). */
export function number4Of(address: Ip): number {
  let number = 0;
  let byte = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === 46) {
      number = number * 256 + byte;
      byte = 0;
    } else byte = byte * 10 + code - 48;
  }
  return number * 256 + byte;
}

/** The address that is this number below 2³². */
export const address4Of = (number: number): Ip => `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;

/** An address as a number, for arithmetic. */
export const numberOf = (address: Ip): bigint => (address.includes(':') ? parseIp(address).number : BigInt(number4Of(address)));

export const addressOf = (number: bigint, family: Family): Ip =>
  family === 4 ? address4Of(Number(number)) : stringifyIp({number, version: family});
