import {type Draft, numberIn, originOf, type Place} from './reading.js';
import type {Route} from './route.js';
import {ipIn, prefixIn} from './words.js';

/** The header of `route` and `route -n`; busybox and net-tools print the same words. */
export const isRouteNHeader = (line: string): boolean =>
  /^\s*Kernel IP(?:v6)? routing table|^\s*Destination\s+(?:Gateway\s+Genmask|Next Hop)\s/.test(line);

/** `255.255.240.0` → 20; undefined when the ones do not come first. */
function maskLength(mask: string): number | undefined {
  const bits = mask
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  return ipIn(mask) !== undefined && /^1*0*$/.test(bits) && bits.length === 32 ? bits.lastIndexOf('1') + 1 : undefined;
}

/**
 * One line of `route -n`: `Destination Gateway Genmask Flags Metric Ref Use Iface`. `*` stands for no gateway without `-n`, and for
 * no device; the flag `!` is a route that rejects. net-tools cannot show tables other than main, multipath, onlink, or whether a route
 * without a device is a blackhole (that one is printed with the flag `U` and the device `*`).
 */
export function routeNLine(line: string, at: Place): Draft<Route> | string {
  const [destination = '', gateway = '', genmask = '', flags = '', metric = '', , , iface] = line.trim().split(/\s+/);
  if (iface === undefined) return 'not a line of "route -n": eight columns are needed';
  const length = maskLength(genmask);
  const dst = prefixIn(destination === 'default' ? '0.0.0.0/0' : `${destination}/${length}`, 4);
  if (length === undefined || dst === undefined)
    return `not a route: ${JSON.stringify(destination)} with the mask ${JSON.stringify(genmask)}`;
  const via = flags.includes('G') ? ipIn(gateway) : undefined;
  const deviceless = iface === '*' || iface === '-';
  return {
    family: 4,
    table: 'main',
    type: flags.includes('!') ? 'unreachable' : deviceless ? 'blackhole' : 'unicast',
    dst,
    ...(via === undefined || via === '0.0.0.0' ? {} : {gateway: via}),
    ...(deviceless ? {} : {dev: iface}),
    metric: numberIn(metric) ?? 0,
    flags: [],
    origin: originOf(at),
  };
}
