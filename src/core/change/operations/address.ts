import {type Address, address as table} from '../../kernel/address.js';
import type {Route} from '../../kernel/route.js';
import {widthOf} from '../../net/address.js';
import {network} from '../../net/prefix.js';
import type {NodeState} from '../../node/state.js';
import type {Contents, Operation, RowOperation} from '../operation.js';
import {bare} from './bare.js';
import {contentsDiffer, noContents} from './contents.js';
import type {Kind, Line} from './kind.js';
import {neigh} from './neigh.js';
import {route} from './route.js';
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

const holds = (row: Address, {prefsrc}: Route): boolean => prefsrc === row.local;
/** Without an IPv4 address the kernel forgets all of IPv4 on a device (inetdev_destroy). */
const isLast = (state: NodeState, row: Address): boolean =>
  row.family === 4 && !rowsOf(state, 'address').some((a) => a.family === 4 && a.dev === row.dev && !is(a, row));

/** What would go with the address beside its own routes; see Contents. */
export function contentsOfAddress(state: NodeState, row: Address): Contents {
  const last = isLast(state, row);
  return {
    ...noContents,
    route: rowsOf(state, 'route')
      .filter((r) => r.protocol !== 'kernel' && ((last && r.family === 4 && r.dev === row.dev) || holds(row, r)))
      .map(bare),
    neigh: rowsOf(state, 'neigh')
      .filter((n) => last && n.family === 4 && n.dev === row.dev && n.state.includes('PERMANENT'))
      .map(bare),
  };
}

function withoutRoutes(state: NodeState, row: Address): NodeState {
  // Another address of the same network keeps the network's route.
  const kept = rowsOf(state, 'address').flatMap((other) => (other.dev === row.dev ? routesOf(other) : []));
  const gone = routesOf(row).filter((r) => !kept.some((other) => same(other, r)));
  const last = isLast(state, row);
  const held = rowsOf(state, 'address').some((a) => a.local === row.local);
  const next = withRows(
    state,
    'route',
    rowsOf(state, 'route').flatMap((r): readonly Route[] => {
      if (gone.some((other) => same(other, r)) || (last && r.family === 4 && r.dev === row.dev)) return [];
      if (held || !holds(row, r)) return [r];
      // IPv6 keeps the route and forgets the source.
      const {prefsrc: _, ...rest} = r;
      return r.family === 6 ? [rest] : [];
    }),
  );
  if (!last) return next;
  return withRows(
    next,
    'neigh',
    rowsOf(next, 'neigh').filter((n) => n.family !== 4 || n.dev !== row.dev),
  );
}

const is = (a: Address, b: Address): boolean => a.local === b.local && a.prefixlen === b.prefixlen && a.dev === b.dev && a.peer === b.peer;

const rows = rowKind('address', {
  name: 'address',
  is,
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

type AddressOperation = RowOperation<'address'>;

const held = (op: AddressOperation): readonly Operation[] =>
  op.do === 'replace'
    ? []
    : [
        ...(op.contents?.neigh ?? []).map((row): Operation => ({on: 'neigh', do: 'add', row})),
        ...(op.contents?.route ?? []).map((row): Operation => ({on: 'route', do: 'add', row})),
      ];

/** Addresses are rows like others, but for what goes with them. */
export const address: Kind<AddressOperation> = {
  ...rows,
  inverse(op): readonly Operation[] {
    if (op.do === 'replace' || op.contents === undefined) return rows.inverse(op);
    const back: Operation = {on: 'address', do: op.do === 'add' ? 'del' : 'add', row: op.row, contents: op.contents};
    return [back, ...held(op)];
  },
  undo: (op) => [
    ...(rows.undo?.(op) ?? []),
    ...held(op).flatMap((other) =>
      other.on === 'neigh' ? (neigh.undo?.({on: 'neigh', do: 'del', row: other.row}) ?? []) : route.words(other as RowOperation<'route'>),
    ),
  ],
  expects(op, state) {
    const wrong = rows.expects(op, state);
    if (wrong !== undefined) return wrong;
    const before = op.do === 'replace' ? op.before : op.row;
    // A new one takes over before the old one goes; only what names the old one as its source would be lost.
    const now = contentsOfAddress(op.do === 'replace' ? effectOfAdding(state, op.row) : state, before);
    const other = contentsDiffer(
      (op.do === 'replace' ? undefined : op.contents) ?? noContents,
      op.do === 'replace' && op.row.local === before.local ? noContents : now,
    );
    return other && `with ${before.local} on ${before.dev} would go what the plan does not know of: ${other}`;
  },
};

const effectOfAdding = (state: NodeState, row: Address): NodeState => withRows(state, 'address', [...rowsOf(state, 'address'), row]);
