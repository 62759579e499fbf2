import type {Address} from '../kernel/address.js';
import type {Fdb} from '../kernel/fdb.js';
import {type Link, localOf} from '../kernel/link.js';
import type {Neigh} from '../kernel/neigh.js';
import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import {shownEndpoint, type WgPeer} from '../kernel/wg.js';
import type {XfrmPolicy} from '../kernel/xfrm.js';
import type {Expected, Want} from '../modes/mode.js';

export type Change<Row> =
  | {readonly kind: 'missing'; readonly want: Want<Row>}
  /** `actual` holds every row in the place of the wanted one, the one the kernel would use first. */
  | {readonly kind: 'differs'; readonly want: Want<Row>; readonly actual: readonly [Row, ...Row[]]; readonly fields: readonly string[]}
  | {readonly kind: 'unexpected'; readonly actual: Row};

export type DiffTable = Exclude<keyof Expected, 'partial'>;
export interface DiffRow {
  readonly link: Link;
  readonly address: Address;
  readonly route: Route;
  readonly neigh: Neigh;
  readonly fdb: Fdb;
  readonly wg: WgPeer;
  readonly xfrm: XfrmPolicy;
  readonly rule: Rule;
}
export type Changes = {readonly [T in DiffTable]?: readonly Change<DiffRow[T]>[]};

/**
 * How rows of one table are matched: `group` and `place` tell which entry a row is, `differences` which of the fields flannel sets are
 * not as wanted. Two words and not one joined from both, because joining and hashing six million strings was the most of a thousand nodes.
 */
interface Comparison<Row> {
  group(row: Row): string;
  place(row: Row): string;
  differences(want: Row, actual: Row): readonly string[];
  /** The order in which the kernel prefers rows of one place. */
  rank?(row: Row): number;
}

const none: readonly string[] = [];
const list = (...fields: (readonly [string, boolean])[]): readonly string[] => fields.filter(([, same]) => !same).map(([name]) => name);

export const comparisons: {readonly [T in DiffTable]: Comparison<DiffRow[T]>} = {
  link: {
    group: () => '',
    place: (l) => l.ifname,
    differences: (w, a) =>
      list(
        ['kind', w.kind === undefined || w.kind === a.kind],
        // 0: whatever it has.
        ['mtu', w.mtu === 0 || w.mtu === a.mtu],
        ['address', w.address === undefined || w.address === a.address],
        ['up', !w.flags.includes('UP') || a.flags.includes('UP')],
        ['local', localOf(w) === undefined || localOf(w) === localOf(a)],
        // An ipip device with a far end sends everything there, whatever the route says.
        ['remote', w.kind !== 'ipip' || a.info?.['remote'] === w.info?.['remote']],
        ...['id', 'link', 'port', 'learning', 'listenPort', 'publicKey'].map(
          (key) => [key, w.info?.[key] === undefined || a.info?.[key] === undefined || w.info[key] === a.info[key]] as const,
        ),
      ),
  },
  address: {
    group: (a) => a.dev,
    place: (a) => a.local,
    differences: (w, a) => list(['prefixlen', w.prefixlen === a.prefixlen]),
  },
  route: {
    group: (r) => r.table,
    place: (r) => r.dst,
    rank: (r) => r.metric,
    // Metric and protocol are not compared by flannel either (flannel-backends.md §3).
    differences(w, a) {
      const onlink = !w.flags.includes('onlink') || a.flags.includes('onlink');
      if (w.type === a.type && w.gateway === a.gateway && w.dev === a.dev && onlink && a.nexthops === undefined) return none;
      return list(
        ['type', w.type === a.type],
        ['gateway', w.gateway === a.gateway],
        ['dev', w.dev === a.dev],
        ['onlink', onlink],
        ['nexthops', a.nexthops === undefined],
      );
    },
  },
  neigh: {
    group: (n) => n.dev,
    place: (n) => n.dst,
    differences(w, a) {
      const permanent = a.state.includes('PERMANENT');
      return w.lladdr === a.lladdr && permanent ? none : list(['lladdr', w.lladdr === a.lladdr], ['state', permanent]);
    },
  },
  fdb: {
    group: (f) => f.dev,
    place: (f) => f.mac,
    differences: (w, a) => (w.dst === a.dst ? none : ['dst']),
  },
  wg: {
    group: (p) => p.dev,
    place: (p) => p.publicKey,
    differences: (w, a) =>
      list(
        ['allowed-ips', [...w.allowedIPs].sort().join() === [...a.allowedIPs].sort().join()],
        ['endpoint', w.endpoint === undefined || (a.endpoint !== undefined && shownEndpoint(w.endpoint) === shownEndpoint(a.endpoint))],
        ['persistent-keepalive', w.persistentKeepalive === a.persistentKeepalive],
      ),
  },
  xfrm: {
    group: (p) => p.dir,
    place: (p) => `${p.src} ${p.dst}`,
    rank: (p) => p.priority,
    differences: (w, a) => list(['action', w.action === a.action], ['tmpl', JSON.stringify(w.tmpl) === JSON.stringify(a.tmpl)]),
  },
  rule: {
    // A rule to a pod and one from it are two places; of several in one the kernel asks the lowest number first.
    group: (r) => (r.dst === undefined ? 'from' : r.src === undefined ? 'to' : 'both'),
    place: (r) => `${r.src ?? ''} ${r.dst ?? ''} ${r.iif ?? ''} ${r.fwmark ?? ''}`,
    rank: (r) => r.priority,
    differences: (w, a) => list(['priority', w.priority === a.priority], ['action', w.action === a.action], ['table', w.table === a.table]),
  },
};

/** The rows that are in one place, and whether somebody wants one there. */
interface Place<Row> {
  readonly rows: Row[];
  claimed: boolean;
}

/**
 * What would have to change for the rows that flannel owns to become the expected ones. `owned` holds only rows that could be
 * flannel's; everything else on the node is none of its business.
 */
export function diff<T extends DiffTable>(
  table: T,
  wants: readonly Want<DiffRow[T]>[],
  owned: readonly DiffRow[T][],
): readonly Change<DiffRow[T]>[] {
  const {group, place, differences, rank} = comparisons[table] as unknown as Comparison<DiffRow[T]>;
  const groups = new Map<string, Map<string, Place<DiffRow[T]>>>();
  const places: Place<DiffRow[T]>[] = [];
  for (const row of owned) {
    const name = group(row);
    let have = groups.get(name);
    if (!have) {
      have = new Map();
      groups.set(name, have);
    }
    const key = place(row);
    const held = have.get(key);
    if (held) held.rows.push(row);
    else {
      const fresh: Place<DiffRow[T]> = {rows: [row], claimed: false};
      have.set(key, fresh);
      places.push(fresh);
    }
  }
  if (rank) for (const {rows} of places) if (rows.length > 1) rows.sort((a, b) => rank(a) - rank(b));
  const changes: Change<DiffRow[T]>[] = [];
  for (const want of wants) {
    const held = groups.get(group(want.row))?.get(place(want.row));
    if (held) held.claimed = true;
    if (want.tolerated) continue;
    if (held === undefined) {
      changes.push({kind: 'missing', want});
      continue;
    }
    // Several rows in one place (an FDB address with two destinations): right when the first, which the kernel uses, is right.
    const first = held.rows[0]!;
    const fields = differences(want.row, first);
    if (fields.length > 0 && want.older?.some((row) => differences(row, first).length === 0)) continue;
    if (fields.length > 0) changes.push({kind: 'differs', want, actual: held.rows as [DiffRow[T], ...DiffRow[T][]], fields});
  }
  for (const {rows, claimed} of places) if (!claimed) for (const actual of rows) changes.push({kind: 'unexpected', actual});
  return changes;
}
