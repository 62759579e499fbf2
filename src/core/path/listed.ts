import type {Address} from '../kernel/address.js';
import type {Link} from '../kernel/link.js';
import type {Route} from '../kernel/route.js';
import {hostOf, lengthOf} from '../net/prefix.js';
import {isBridge} from '../node/pod-bridge.js';
import {isVethEnd} from '../node/pod-ends.js';
import {looked, type NamespaceState} from '../node/state.js';
import {UNREAD_MAC} from './packet.js';

/**
 * A namespace of which somebody pasted some tables: what they say between the lines. A route that is listed leads by a device that is there
 * and up, its source is an address of that device; entries with tunnel ends are those of a VXLAN device, and names tell the rest. None of it
 * counts as looked at: rows that follow so have no origin, and an end that rests on something missing stays unknown.
 */
export function asListed<S extends NamespaceState>(state: S): S {
  const bare = !looked(state, 'link');
  const unaddressed = state.tables.address === undefined;
  if (state.tables.route === undefined || (!bare && !unaddressed)) return state;
  const routes = state.tables.route.filter((r) => r.type === 'unicast' && !r.flags.includes('linkdown') && !r.flags.includes('dead'));
  return {
    ...state,
    tables: {
      ...state.tables,
      ...(bare && {link: devicesOf(state, routes)}),
      ...(unaddressed && {address: addressesOf(routes)}),
    },
  };
}

/** Was the device printed, or does it only follow from what was? */
export const isImplied = (link: Link): boolean => link.origin === undefined && link.address === UNREAD_MAC;

function devicesOf({tables}: NamespaceState, routes: readonly Route[]): readonly Link[] {
  const {link: listed = [], fdb = []} = tables;
  const known = new Set(listed.map((l) => l.ifname));
  const named = new Set(routes.flatMap((r) => r.dev ?? (r.nexthops ?? []).flatMap((n) => n.dev ?? [])).filter((dev) => !known.has(dev)));
  const implied = [...named].map((ifname): Link => ({ifname, flags: ['UP', 'LOWER_UP'], mtu: 0, address: UNREAD_MAC}));
  const masters = new Set(listed.flatMap((l) => l.master ?? []));
  const tunnels = new Set(fdb.flatMap((f) => (f.dst === undefined ? [] : [f.dev])));
  // brctl prints names alone.
  const whole = [...listed, ...implied].map((l) =>
    l.flags.length === 0 ? {...l, flags: ['UP', 'LOWER_UP'], address: l.address ?? UNREAD_MAC} : l,
  );
  return whole.map((l) => (l.kind === undefined ? withKind(l, masters, tunnels) : l));
}

const flannels = /^flannel(?:-v6)?\.(\d+)$/;

/** What the names that flannel and the CNI plugins give say, where no kinds were printed. */
function withKind(link: Link, masters: ReadonlySet<string>, tunnels: ReadonlySet<string>): Link {
  const {ifname} = link;
  const vni = flannels.exec(ifname)?.[1];
  if (vni !== undefined || tunnels.has(ifname)) return {...link, kind: 'vxlan', ...(vni !== undefined && {info: {id: Number(vni)}})};
  if (ifname === 'flannel0') return {...link, kind: 'tun'};
  if (ifname === 'flannel.ipip') return {...link, kind: 'ipip'};
  if (isBridge(ifname, link, masters)) return {...link, kind: 'bridge'};
  return isVethEnd(link) ? {...link, kind: 'veth'} : link;
}

/**
 * The kernel's own routes name the address that a device has, and as its network the length of its prefix. `route -n` names none: there a
 * pods' bridge has the first of its network, as every CNI plugin gives it.
 */
function addressesOf(routes: readonly Route[]): readonly Address[] {
  const found = new Map<string, Address>();
  for (const {dev, prefsrc, gateway, scope, dst, family} of routes) {
    if (dev === undefined || gateway !== undefined || dst.endsWith('/0')) continue;
    const first = prefsrc === undefined && scope === undefined && isBridge(dev, undefined, new Set()) ? hostOf(dst, 1) : undefined;
    const local = scope === 'link' ? prefsrc : first;
    if (local !== undefined && !found.has(local))
      found.set(local, {family, dev, local, prefixlen: lengthOf(dst), scope: 'global', flags: []});
  }
  return [...found.values()];
}
