import type {Ip, Mac} from '../net/address.js';
import {lengthOf} from '../net/prefix.js';
import type {Address} from './address.js';
import type {Fdb} from './fdb.js';
import {type Link, localOf} from './link.js';
import type {Neigh} from './neigh.js';
import type {Route} from './route.js';

/**
 * Rows as the commands that make them so. One place turns rows into words: remedies, the lab's batches and, later, operations
 * all come from here. Each is a list of words; `shell` joins them for a shell, `batch` for `ip -batch`.
 */
export type Words = readonly string[];

/** Device names come from nodes; anything but plain words is quoted, so that a hostile name stays a word. */
const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

export const shell = (words: Words): string => words.map(quote).join(' ');

const v6 = (family: 4 | 6): Words => (family === 6 ? ['-6'] : []);

/** The destination as iproute2 prints it: `default`, and host routes without their length. */
export function destination(route: Pick<Route, 'dst' | 'family'>): string {
  const bits = lengthOf(route.dst);
  if (bits === 0) return 'default';
  return bits === (route.family === 4 ? 32 : 128) ? route.dst.slice(0, route.dst.indexOf('/')) : route.dst;
}

/** What selects and describes a route, after `ip route add|replace|del`. */
export function routeWords(route: Route): Words {
  return [
    ...(route.type === 'unicast' ? [] : [route.type]),
    destination(route),
    ...(route.tos === undefined ? [] : ['tos', route.tos]),
    ...(route.gateway === undefined ? [] : ['via', ...(route.gateway.includes(':') && route.family === 4 ? ['inet6'] : []), route.gateway]),
    ...(route.dev === undefined ? [] : ['dev', route.dev]),
    ...(route.table === 'main' ? [] : ['table', route.table]),
    // 1024 is what the kernel gives IPv6 routes by itself.
    ...(route.metric === 0 || (route.family === 6 && route.metric === 1024) ? [] : ['metric', String(route.metric)]),
    ...(route.prefsrc === undefined ? [] : ['src', route.prefsrc]),
    ...(route.flags.includes('onlink') ? ['onlink'] : []),
    ...(route.nexthops ?? []).flatMap((n) => [
      'nexthop',
      ...(n.gateway === undefined ? [] : ['via', n.gateway]),
      ...(n.dev === undefined ? [] : ['dev', n.dev]),
      ...(n.weight === undefined || n.weight === 1 ? [] : ['weight', String(n.weight)]),
    ]),
  ];
}

export const routeReplace = (route: Route): Words => ['ip', ...v6(route.family), 'route', 'replace', ...routeWords(route)];

/** Deletes exactly this row: the metric is written even where it is the default, or the kernel would take the first that matches. */
export const routeDelete = (route: Route): Words => [
  'ip',
  ...v6(route.family),
  'route',
  'del',
  ...routeWords({...route, flags: []}),
  ...(route.family === 6 && route.metric === 1024 ? ['metric', '1024'] : []),
];

export const neighReplace = (neigh: {dst: Ip; dev: string; lladdr?: Mac}): Words => [
  'ip',
  'neigh',
  'replace',
  neigh.dst,
  'lladdr',
  neigh.lladdr ?? '',
  'dev',
  neigh.dev,
  'nud',
  'permanent',
];
export const neighDelete = (neigh: Neigh): Words => ['ip', 'neigh', 'del', neigh.dst, 'dev', neigh.dev];

export const fdbReplace = (fdb: {mac: Mac; dev: string; dst?: Ip}): Words => [
  'bridge',
  'fdb',
  'replace',
  fdb.mac,
  'dev',
  fdb.dev,
  ...(fdb.dst === undefined ? [] : ['dst', fdb.dst]),
  'self',
  'permanent',
];
export const fdbDelete = (fdb: Fdb): Words => [
  'bridge',
  'fdb',
  'del',
  fdb.mac,
  'dev',
  fdb.dev,
  ...(fdb.dst === undefined ? [] : ['dst', fdb.dst]),
  ...(fdb.flags.includes('master') ? ['master'] : ['self']),
];

export const addressReplace = (address: Pick<Address, 'dev' | 'local' | 'prefixlen' | 'family'>): Words => [
  'ip',
  ...v6(address.family),
  'addr',
  'replace',
  `${address.local}/${address.prefixlen}`,
  'dev',
  address.dev,
  // Duplicate address detection would leave the address unusable for a second.
  ...(address.family === 6 ? ['nodad'] : []),
];
export const addressDelete = (address: Pick<Address, 'dev' | 'local' | 'prefixlen' | 'family'>): Words => [
  'ip',
  ...v6(address.family),
  'addr',
  'del',
  `${address.local}/${address.prefixlen}`,
  'dev',
  address.dev,
];

/** Makes a VXLAN device as flanneld does: the hardware address at creation, since udev may rewrite a later one (flannel-backends.md §2.1). */
export function vxlanAdd(link: Link): readonly Words[] {
  const {info} = link;
  return [
    [
      'ip',
      'link',
      'add',
      link.ifname,
      ...(link.address === undefined ? [] : ['address', link.address]),
      'txqueuelen',
      '0',
      'mtu',
      String(link.mtu),
      'type',
      'vxlan',
      'id',
      String(info?.['id']),
      ...(localOf(link) === undefined ? [] : ['local', localOf(link)!]),
      'dev',
      String(info?.['link']),
      'dstport',
      String(info?.['port']),
      info?.['learning'] === true ? 'learning' : 'nolearning',
    ],
    ['ip', 'link', 'set', link.ifname, 'up'],
  ];
}
export const linkDelete = (name: string): Words => ['ip', 'link', 'del', name];
export const linkUp = (name: string): Words => ['ip', 'link', 'set', name, 'up'];
export const linkMtu = (name: string, mtu: number): Words => ['ip', 'link', 'set', name, 'mtu', String(mtu)];

/** A sysctl by its path, because interface names may hold dots. */
export const sysctlSet = (path: string, value: string): Words => ['sysctl', '-w', `${path}=${value}`];
