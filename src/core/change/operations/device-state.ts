import type {Link} from '../../kernel/link.js';
import type {NodeState} from '../../node/state.js';
import {defaultKey, deviceOf} from './contents.js';
import {wordsFor} from './device-words/index.js';
import {rowsOf, withRows} from './row.js';

export const isUp = (link: Link): boolean => link.flags.includes('UP');

/** How `ip -d link` lists a device that was just made and is up. */
export function listed(row: Link, state: NodeState): Link {
  const up = isUp(row);
  const {flags, linkType, defaults} = wordsFor(row);
  const made = Object.keys(defaults).length > 0 || row.info !== undefined;
  return {
    ...row,
    ifindex: Math.max(0, ...rowsOf(state, 'link').map((l) => l.ifindex ?? 0)) + 1,
    flags: up ? [...flags, 'UP', 'LOWER_UP'] : flags,
    operstate: up ? 'UNKNOWN' : 'DOWN',
    link_type: linkType,
    ...(made && {info: {...defaults, ...row.info}}),
  };
}

/** A new device starts with what `default` says. */
export function withSettings(state: NodeState, dev: string): NodeState {
  if (state.sysctl === undefined) return state;
  const sysctl = new Map(state.sysctl);
  for (const [key, value] of state.sysctl) if (deviceOf(key) === 'default') sysctl.set(key.replace('/default/', `/${dev}/`), value);
  return {...state, sysctl};
}

/** IPv6 keeps an MTU of its own for each device, which follows the device's (addrconf_notify, NETDEV_CHANGEMTU). */
export function withMtu(state: NodeState, dev: string, mtu: number): NodeState {
  const key = `net/ipv6/conf/${dev}/mtu`;
  return state.sysctl?.has(key) && mtu > 0 ? {...state, sysctl: new Map(state.sysctl).set(key, String(mtu))} : state;
}

/** The kernel takes everything of the device with it. */
export function without(state: NodeState, dev: string): NodeState {
  const next = withoutRows(state, dev, () => true);
  const sysctl = state.sysctl && new Map([...state.sysctl].filter(([key]) => deviceOf(key) !== dev || defaultKey(key) === key));
  return {
    ...withRows(
      next,
      'link',
      rowsOf(next, 'link').filter((l) => l.ifname !== dev),
    ),
    sysctl,
  };
}

/** Without the rows of a device; addresses only where they are not kept. */
export function withoutRows(state: NodeState, dev: string, losesAddress: (family: 4 | 6) => boolean, losesFdb = true): NodeState {
  const off = <R extends {readonly dev?: string}>(rows: readonly R[], keep: (row: R) => boolean = () => false): readonly R[] =>
    rows.filter((row) => row.dev !== dev || keep(row));
  let next = withRows(
    state,
    'route',
    off(rowsOf(state, 'route')).filter((r) => !r.nexthops?.some((n) => n.dev === dev)),
  );
  next = withRows(
    next,
    'address',
    off(rowsOf(next, 'address'), (a) => !losesAddress(a.family)),
  );
  next = withRows(next, 'neigh', off(rowsOf(next, 'neigh')));
  if (losesFdb) next = withRows(next, 'wg', off(rowsOf(next, 'wg')));
  return withRows(
    next,
    'fdb',
    off(rowsOf(next, 'fdb'), (f) => !losesFdb && f.state === 'permanent'),
  );
}
