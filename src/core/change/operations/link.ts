import {type Link, link as table} from '../../kernel/link.js';
import type {NodeState} from '../../node/state.js';
import type {Contents, Operation, RowOperation} from '../operation.js';
import {address, withRoutes} from './address.js';
import {bare} from './bare.js';
import {contentsDiffer, contentsOf, neighboursOf, noContents} from './contents.js';
import {isUp, listed, withMtu, without, withoutRows, withSettings} from './device-state.js';
import {deviceWords, mustBeNew, wordsFor} from './device-words/index.js';
import {fdb} from './fdb.js';
import {type Kind, type Line, unsafe} from './kind.js';
import {neigh} from './neigh.js';
import {route} from './route.js';
import {rowsOf, withRows} from './row.js';
import {sysctl} from './sysctl.js';
import {wg} from './wg.js';

const ip = (text: string): Line => ({tool: 'ip', text});
const named = (state: NodeState, name: string): Link | undefined => rowsOf(state, 'link').find((l) => l.ifname === name);

/** A line for `ip -batch` that makes a device as flanneld does, the hardware address at once, since udev may rewrite a later one (flannel-backends.md §2.1). */
export function adding(link: Link): string {
  const kind = wordsFor(link);
  const queue = link.extra?.['txqlen'] ?? (kind.queue === 0 ? 0 : undefined);
  const words = [
    ...(link.address === undefined ? [] : ['address', link.address]),
    ...(queue === undefined ? [] : ['txqueuelen', String(Number(queue))]),
    ...(link.mtu > 0 ? ['mtu', String(link.mtu)] : []),
    'type',
    link.kind ?? 'vxlan',
    ...kind.words(link),
  ];
  return `link add ${link.ifname} ${words.join(' ')}`;
}

function make(link: Link): readonly Line[] {
  return [
    ip(adding(link)),
    ...(wordsFor(link).settled?.(link) ?? []),
    ...(link.master === undefined ? [] : [ip(`link set dev ${link.ifname} master ${link.master}`)]),
    ...(isUp(link) ? [ip(`link set dev ${link.ifname} up`)] : []),
  ];
}

/** Does it get another hardware address? */
const moves = (link: Link, before: Link): boolean => link.address !== undefined && link.address !== before.address;

/** Only what differs. The lower device comes before the MTU, which the kernel cuts to fit it. */
function change(link: Link, before: Link, contents?: Contents): readonly Line[] {
  const set = (words: string): Line => ip(`link set dev ${link.ifname} ${words}`);
  const own = wordsFor(link).changes(link, before);
  return [
    ...(link.master === before.master ? [] : [set(link.master === undefined ? 'nomaster' : `master ${link.master}`)]),
    ...(moves(link, before)
      ? [set(`address ${link.address}`), ...(contents?.neigh ?? []).flatMap((row) => neigh.words({on: 'neigh', do: 'add', row}))]
      : []),
    ...(own.length === 0 ? [] : [set(own.join(' '))]),
    ...(link.mtu === before.mtu && own.length === 0 ? [] : [set(`mtu ${link.mtu}`)]),
    ...(isUp(link) === isUp(before) ? [] : [set(isUp(link) ? 'up' : 'down')]),
  ];
}

/** What of the wanted attributes the device has not; an attribute that is not stated is not asked for. */
function differs(want: Link, found: Link): string | undefined {
  const wrong = [
    ...(want.kind === undefined || want.kind === found.kind ? [] : [`kind is ${found.kind}`]),
    ...(want.mtu === found.mtu ? [] : [`mtu is ${found.mtu}`]),
    ...(want.address === undefined || want.address === found.address ? [] : [`address is ${found.address}`]),
    ...(isUp(want) === isUp(found) ? [] : [isUp(found) ? 'it is up' : 'it is down']),
    ...(want.master === found.master ? [] : [`master is ${found.master ?? 'none'}`]),
    ...Object.entries(want.info ?? {}).flatMap(([key, value]) => (found.info?.[key] === value ? [] : [`${key} is ${found.info?.[key]}`])),
  ];
  return wrong.length === 0 ? undefined : `device ${want.ifname}: ${wrong.join(', ')}`;
}

export const link: Kind<RowOperation<'link'>> = {
  words(op) {
    if (op.do === 'add') return make(op.row);
    if (op.do === 'replace') return change(op.row, op.before, op.contents);
    return [...(wordsFor(op.row).kept?.(op.row) ?? []), ip(`link del ${op.row.ifname}`)];
  },
  inverse(op): readonly Operation[] {
    if (op.do === 'add') return [{on: 'link', do: 'del', row: op.row}];
    if (op.do === 'replace') {
      const {row, before, contents} = op;
      return [{on: 'link', do: 'replace', row: before, before: row, ...(contents && {contents})}];
    }
    const {address = [], route = [], neigh = [], fdb = [], wg: peers = [], sysctl = {}} = op.contents ?? {};
    return [
      {on: 'link', do: 'add', row: op.row},
      ...Object.entries(sysctl).map(([key, to]): Operation => ({on: 'sysctl', do: 'replace', key, to, before: undefined})),
      ...address.map((row): Operation => ({on: 'address', do: 'add', row})),
      ...neigh.map((row): Operation => ({on: 'neigh', do: 'add', row})),
      ...fdb.map((row): Operation => ({on: 'fdb', do: 'add', row})),
      ...peers.map((row): Operation => ({on: 'wg', do: 'add', row})),
      ...route.map((row): Operation => ({on: 'route', do: 'add', row})),
    ];
  },
  undo(op) {
    if (op.do === 'replace') {
      const kept = (op.contents?.neigh ?? []).flatMap((row) => neigh.undo?.({on: 'neigh', do: 'del', row}) ?? []);
      return [...change(op.before, op.row), ...kept];
    }
    // What came with it need not be fit to come again.
    if (op.do === 'add') return [ip(`link del ${op.row.ifname}`)];
    return link.inverse(op).flatMap(lines);
  },
  expects(op, state) {
    if (state.families.link === undefined) return 'the devices were not read';
    const name = unsafe(op.row.ifname);
    if (name !== undefined) return name;
    const found = named(state, op.row.ifname);
    if (op.do === 'add') return found && `device ${table.show(found)} is there`;
    if (found === undefined) return `device ${op.row.ifname} is not there`;
    const before = op.do === 'replace' ? op.before : op.row;
    const moved = differs(before, found);
    if (moved !== undefined) return moved;
    if (op.do === 'replace' && mustBeNew(op.row, found)) return `device ${op.row.ifname} cannot be changed so while it exists`;
    if (op.do === 'replace' && !moves(op.row, op.before)) return undefined;
    const now = op.do === 'del' ? contentsOf(state, op.row.ifname) : neighboursOf(state, op.row.ifname);
    const other = contentsDiffer(op.contents ?? noContents, now);
    return other === undefined ? undefined : `what is on ${op.row.ifname} has changed: ${other}`;
  },
  effect(op, state) {
    const {ifname} = op.row;
    if (op.do === 'del') return without(state, ifname);
    if (op.do === 'add') {
      // One of that name would make the kernel refuse: what is wanted is this one in its place.
      const others = rowsOf(state, 'link').filter((l) => l.ifname !== ifname);
      const next = withRows(state, 'link', [...others, listed(bare(op.row), state)]);
      return withMtu(withSettings(next, ifname), ifname, op.row.mtu);
    }
    const changed = op.row.mtu === op.before.mtu ? state : withMtu(state, ifname, op.row.mtu);
    const next = withRows(
      changed,
      'link',
      rowsOf(state, 'link').map((l): Link => {
        if (l.ifname !== ifname) return l;
        const flags = l.flags.filter((flag) => flag !== 'UP' && flag !== 'LOWER_UP');
        const {master: _, ...rest} = l;
        return {
          ...rest,
          ...(op.row.master !== undefined && {master: op.row.master}),
          mtu: op.row.mtu,
          ...(op.row.address !== undefined && {address: op.row.address}),
          flags: isUp(op.row) ? [...flags, 'UP', 'LOWER_UP'] : flags,
          operstate: isUp(op.row) ? (isUp(l) ? (l.operstate ?? 'UNKNOWN') : 'UNKNOWN') : 'DOWN',
          ...((l.info ?? op.row.info) && {info: {...l.info, ...op.row.info}}),
        };
      }),
    );
    if (isUp(op.row) === isUp(op.before)) return next;
    // Down: IPv6 addresses go unless keep_addr_on_down says otherwise, and permanent FDB rows stay.
    if (!isUp(op.row)) return withoutRows(next, ifname, (family) => family === 6, false);
    return rowsOf(next, 'address')
      .filter((a) => a.dev === ifname)
      .reduce(withRoutes, next);
  },
  took(op, state) {
    if (state.families.link === undefined) return 'the devices were not read';
    const found = named(state, op.row.ifname);
    if (op.do === 'del') return found && `device ${op.row.ifname} is still there`;
    return found === undefined ? `device ${op.row.ifname} is not there` : differs(op.row, found);
  },
  irreversible(op) {
    const {ifname, kind} = op.row;
    if (op.do === 'add') return undefined;
    if (op.do === 'replace') {
      if (!isUp(op.row) && isUp(op.before)) return `${ifname} loses its routes and neighbours when it goes down`;
      return op.row.mtu < 1280 && op.before.mtu >= 1280 ? `${ifname} loses IPv6 below an MTU of 1280` : undefined;
    }
    if (deviceWords[kind ?? ''] === undefined) return `flanctl cannot make a ${kind ?? 'physical'} device again`;
    if (op.contents === undefined) return `what goes with ${ifname} was not looked at`;
    const hop = op.contents.route.find((r) => r.nhid !== undefined);
    return hop && `the nexthop ${hop.nhid} of route ${hop.dst} goes with ${ifname}, and flanctl does not make nexthops`;
  },
  show(op) {
    if (op.do === 'replace')
      return `change device ${op.row.ifname}: ${change(op.row, op.before)
        .map((l) => l.text.slice(`link set dev ${op.row.ifname} `.length))
        .join(', ')}`;
    if (op.do === 'add') return `make device ${table.show(op.row)}`;
    const {address = [], route = [], neigh = [], fdb = [], wg: peers = []} = op.contents ?? {};
    const more = peers.length === 0 ? `${neigh.length} neighbours and ${fdb.length} fdb entries` : `${peers.length} peers`;
    return `delete device ${op.row.ifname} with ${address.length} addresses, ${route.length} routes, ${more}`;
  },
};

/** The lines of what an inverse holds: the device itself as it is made, what was on it as it is undone. */
function lines(op: Operation): readonly Line[] {
  if (op.on === 'link') return link.words(op);
  if (op.on === 'sysctl') return sysctl.words(op);
  if (op.on === 'address') return address.words(op);
  if (op.on === 'neigh') return neigh.undo?.({on: 'neigh', do: 'del', row: op.row}) ?? [];
  if (op.on === 'fdb') return fdb.words(op);
  if (op.on === 'wg') return wg.words(op);
  return op.on === 'route' ? route.words(op) : [];
}
