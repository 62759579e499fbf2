import {type Address, address as table} from '../../kernel/address.js';
import type {Route} from '../../kernel/route.js';
import {widthOf} from '../../net/address.js';
import {network} from '../../net/prefix.js';
import type {NodeState} from '../../node/state.js';
import type {Line} from './kind.js';
import {rowKind, rowsOf, withRows} from './row.js';

const ip = (text: string): Line => ({tool: 'ip', text});
const FOR_EVER = 4294967295;

/** The routes that the kernel keeps for an address of a device that is up: its own in table local, and its network in main. */
export function routesOf({family, dev, local, prefixlen, flags, peer}: Address): readonly Route[] {
  const width = widthOf(family);
  const own: Route = {
    family,
    table: 'local',
    type: 'local',
    dst: `${local}/${width}`,
    dev,
    protocol: 'kernel',
    metric: 0,
    flags: [],
    ...(family === 4 ? {scope: 'host', prefsrc: local} : {scope: 'global', pref: 'medium'}),
  };
  // IPv6 keeps one for a whole address too.
  if (flags.includes('noprefixroute') || (family === 4 && prefixlen === width && peer === undefined)) return [own];
  const far = peer ?? local;
  const dst = `${network(far, prefixlen)}/${prefixlen}`;
  return [
    own,
    {
      ...own,
      table: 'main',
      type: 'unicast',
      dst,
      ...(family === 4 ? {scope: 'link'} : {metric: 256}),
    },
  ];
}

const isUp = (state: NodeState, dev: string): boolean =>
  rowsOf(state, 'link')
    .find((l) => l.ifname === dev)
    ?.flags.includes('UP') ?? false;

const same = (a: Route, b: Route): boolean =>
  a.dst === b.dst && a.table === b.table && a.dev === b.dev && a.metric === b.metric && a.type === b.type;

/** Adds what the kernel keeps for an address, unless it is there or the device is down. */
export function withRoutes(state: NodeState, row: Address): NodeState {
  if (!isUp(state, row.dev)) return state;
  const rows = rowsOf(state, 'route');
  return withRows(state, 'route', [...rows, ...routesOf(row).filter((r) => !rows.some((other) => same(other, r)))]);
}

function withoutRoutes(state: NodeState, row: Address): NodeState {
  // Another address of the same network keeps the network's route.
  const kept = rowsOf(state, 'address').flatMap((other) => (other.dev === row.dev ? routesOf(other) : []));
  const gone = routesOf(row).filter((r) => !kept.some((other) => same(other, r)));
  return withRows(
    state,
    'route',
    rowsOf(state, 'route').filter((r) => !gone.some((other) => same(other, r))),
  );
}

export const address = rowKind('address', {
  name: 'address',
  is: (a, b) => a.local === b.local && a.prefixlen === b.prefixlen && a.dev === b.dev && a.peer === b.peer,
  equal: (a, b) => a.scope === b.scope && a.flags.includes('noprefixroute') === b.flags.includes('noprefixroute'),
  show: table.show,
  dev: (row) => row.dev,
  listed: (row) => (row.family === 6 && !row.flags.includes('nodad') ? {...row, flags: [...row.flags, 'nodad'].sort()} : row),
  put(row, before) {
    const words = [
      row.peer === undefined ? `${row.local}/${row.prefixlen}` : `${row.local} peer ${row.peer}/${row.prefixlen}`,
      `dev ${row.dev}`,
      ...(row.broadcast === undefined ? [] : [`broadcast ${row.broadcast}`]),
      ...(row.label === undefined || row.label === row.dev ? [] : [`label ${row.label}`]),
      ...(row.scope === 'global' ? [] : [`scope ${row.scope}`]),
      // Duplicate address detection would leave the address unusable for a second.
      ...(row.family === 6 ? ['nodad'] : []),
      ...['home', 'noprefixroute'].filter((flag) => row.flags.includes(flag)),
    ];
    const set = ip(`addr replace ${words.join(' ')}`);
    const moved = before !== undefined && (before.local !== row.local || before.prefixlen !== row.prefixlen);
    return moved ? [set, ip(`addr del ${before.local}/${before.prefixlen} dev ${before.dev}`)] : [set];
  },
  drop: (row) => [ip(`addr del ${row.local}/${row.prefixlen} dev ${row.dev}`)],
  came: withRoutes,
  went: withoutRoutes,
  irreversible: (row) =>
    row.flags.includes('dynamic') || (row.valid_life_time !== undefined && row.valid_life_time !== FOR_EVER)
      ? `${row.local} was given for a time (by DHCP or a router): what counts its time does not come back with it`
      : undefined,
});
