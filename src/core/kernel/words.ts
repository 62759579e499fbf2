import {type Family, familyOf, type Ip, type Prefix, tryIp} from '../net/address.js';
import {anyPrefix, tryPrefix} from '../net/prefix.js';

/** An address as iproute2 prints it, with or without a zone (`fe80::1%eth0`). */
export function ipIn(value: unknown): Ip | undefined {
  if (typeof value !== 'string') return undefined;
  const zone = value.indexOf('%');
  return tryIp(zone < 0 ? value : value.slice(0, zone));
}

/** `default`, `all`, `0/0`, `10.244/16`, `10.0.0.1`: the prefix, or undefined when the text is none. */
export function prefixIn(value: unknown, family: Family): Prefix | undefined {
  if (typeof value !== 'string') return undefined;
  return value === 'default' || value === 'all' || value === 'any' ? anyPrefix(family) : tryPrefix(value);
}

/** A prefix as iproute2 prints and takes it: `default`, hosts without their length. */
export function shownPrefix(prefix: Prefix): string {
  if (prefix === '0.0.0.0/0' || prefix === '::/0') return 'default';
  const full = familyOf(prefix) === 4 ? '/32' : '/128';
  return prefix.endsWith(full) ? prefix.slice(0, -full.length) : prefix;
}

const tableNames: {readonly [number: string]: string} = {'253': 'default', '254': 'main', '255': 'local'};

/** A routing table by the name iproute2 gives it, also where a number was printed or typed. */
export const tableIn = (value: string): string => tableNames[value] ?? value;
