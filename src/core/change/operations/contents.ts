import {type Address, address as addresses} from '../../kernel/address.js';
import {fdb as entries, type Fdb} from '../../kernel/fdb.js';
import {type Neigh, neigh as neighbours} from '../../kernel/neigh.js';
import {type Route, route as routes} from '../../kernel/route.js';
import {wg as peers, type WgPeer} from '../../kernel/wg.js';
import {ip, type Mac} from '../../net/address.js';
import type {NodeState} from '../../node/state.js';
import type {Contents} from '../operation.js';
import {bare} from './bare.js';
import {rowsOf} from './row.js';

/** `net/ipv4/conf/flannel.1/rp_filter` → `flannel.1`. */
export const deviceOf = (key: string): string | undefined => /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\/[^/]+$/.exec(key)?.[1];

/** The same setting of `default`, which a new device starts with. */
export const defaultKey = (key: string): string => key.replace(/^(net\/ipv[46]\/(?:conf|neigh)\/)[^/]+\//, '$1default/');

/** The link-local address that the kernel makes from a hardware address (RFC 4291, appendix A); it comes back by itself. */
function linkLocal(mac: Mac): string {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const id = [bytes[0]! ^ 2, bytes[1]!, bytes[2]!, 0xff, 0xfe, bytes[3]!, bytes[4]!, bytes[5]!];
  const groups = [0, 2, 4, 6].map((i) => ((id[i]! << 8) | id[i + 1]!).toString(16));
  return ip(`fe80::${groups.join(':')}`);
}

/**
 * What would have to be written again after the device was deleted and made anew: not what the kernel makes by itself (routes of addresses,
 * multicast, link-local) nor what packets teach it.
 */
export function contentsOf(state: NodeState, dev: string): Contents {
  const link = rowsOf(state, 'link').find((l) => l.ifname === dev);
  const made = link?.address === undefined ? undefined : linkLocal(link.address);
  const remote = link?.info?.['remote'] ?? link?.info?.['remote6'] ?? link?.info?.['group'] ?? link?.info?.['group6'];
  const sysctl = [...(state.sysctl ?? [])].filter(([key, value]) => {
    const byDefault = state.sysctl?.get(defaultKey(key));
    // IPv6's own MTU follows the device's, and is no setting of anybody.
    const own = key === `net/ipv6/conf/${dev}/mtu` && value === String(link?.mtu);
    return deviceOf(key) === dev && byDefault !== undefined && byDefault !== value && !own;
  });
  const some = rowsOf(state, 'wg')
    .filter((p) => p.dev === dev)
    .map(configured);
  return {
    address: rowsOf(state, 'address')
      .filter((a) => a.dev === dev && a.local !== made)
      .map(bare),
    route: rowsOf(state, 'route')
      .filter((r) => (r.dev === dev || r.nexthops?.some((n) => n.dev === dev)) && r.protocol !== 'kernel' && r.protocol !== 'ra')
      .map(bare),
    neigh: rowsOf(state, 'neigh')
      .filter((n) => n.dev === dev && (n.state.includes('PERMANENT') || n.proxy === true))
      .map(bare),
    fdb: rowsOf(state, 'fdb')
      .filter((f) => f.dev === dev && f.dst !== undefined && f.state === 'permanent')
      .filter((f) => f.mac !== '00:00:00:00:00:00' || f.dst !== remote)
      .map(bare),
    ...(some.length > 0 && {wg: some}),
    sysctl: Object.fromEntries(sysctl),
  };
}

export const noContents: Contents = {address: [], route: [], neigh: [], fdb: [], sysctl: {}};

/** The neighbours of a device that go when its hardware address changes (neigh_changeaddr), permanent ones too. */
export const neighboursOf = (state: NodeState, dev: string): Contents => ({
  ...noContents,
  neigh: rowsOf(state, 'neigh')
    .filter((n) => n.dev === dev && n.state.includes('PERMANENT'))
    .map(bare),
});

/** A peer without what packets make of it. */
export function configured(row: WgPeer): WgPeer {
  const {latestHandshake: _, ...rest} = bare(row);
  return {...rest, rxBytes: 0, txBytes: 0};
}

const lines = ({address, route, neigh, fdb, wg = [], sysctl}: Contents): readonly string[] => [
  ...address.map((a: Address) => addresses.show(a)),
  ...route.map((r: Route) => `route ${routes.show(r)}`),
  ...neigh.map((n: Neigh) => `neighbour ${neighbours.show(n)}`),
  ...fdb.map((f: Fdb) => `fdb ${entries.show(f)}`),
  ...wg.map((p) => peers.show(p)),
  ...Object.entries(sysctl).map(([key, value]) => `${key} = ${value}`),
];

/** What one has and the other has not, as text; undefined when they hold the same. */
export function contentsDiffer(before: Contents, now: Contents): string | undefined {
  const [a, b] = [new Set(lines(before)), new Set(lines(now))];
  const parts = [...[...a].filter((l) => !b.has(l)).map((l) => `- ${l}`), ...[...b].filter((l) => !a.has(l)).map((l) => `+ ${l}`)];
  return parts.length === 0 ? undefined : parts.slice(0, 5).join('; ');
}
