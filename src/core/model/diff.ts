import type {Address} from '../kernel/address.js';
import type {Fdb} from '../kernel/fdb.js';
import {type Link, localOf} from '../kernel/link.js';
import type {Neigh} from '../kernel/neigh.js';
import type {Route} from '../kernel/route.js';
import type {Expected, Want} from '../modes/mode.js';
import {lengthOf} from '../net/prefix.js';

export type Change<Row> =
  | {readonly kind: 'missing'; readonly want: Want<Row>}
  /** `actual` holds every row in the place of the wanted one, the one the kernel would use first. */
  | {readonly kind: 'differs'; readonly want: Want<Row>; readonly actual: readonly [Row, ...Row[]]; readonly fields: readonly string[]}
  | {readonly kind: 'unexpected'; readonly actual: Row};

export type DiffTable = keyof Expected;
export interface DiffRow {
  readonly link: Link;
  readonly address: Address;
  readonly route: Route;
  readonly neigh: Neigh;
  readonly fdb: Fdb;
}
export type Changes = {readonly [T in DiffTable]?: readonly Change<DiffRow[T]>[]};

/** How rows of one table are matched: `place` tells which entry a row is, `differences` which of the fields flannel sets are not as wanted. */
interface Comparison<Row> {
  place(row: Row): string;
  differences(want: Row, actual: Row): readonly string[];
  /** The order in which the kernel prefers rows of one place. */
  rank?(row: Row): number;
}

const list = (...fields: (readonly [string, boolean])[]): readonly string[] => fields.filter(([, same]) => !same).map(([name]) => name);

export const comparisons: {readonly [T in DiffTable]: Comparison<DiffRow[T]>} = {
  link: {
    place: (l) => l.ifname,
    differences: (w, a) =>
      list(
        ['kind', w.kind === undefined || w.kind === a.kind],
        ['mtu', w.mtu === a.mtu],
        ['address', w.address === undefined || w.address === a.address],
        ['up', !w.flags.includes('UP') || a.flags.includes('UP')],
        ['local', localOf(w) === undefined || localOf(w) === localOf(a)],
        ...['id', 'link', 'port', 'learning'].map(
          (key) => [key, w.info?.[key] === undefined || a.info?.[key] === undefined || w.info[key] === a.info[key]] as const,
        ),
      ),
  },
  address: {
    place: (a) => `${a.dev} ${a.local}`,
    differences: (w, a) => list(['prefixlen', w.prefixlen === a.prefixlen]),
  },
  route: {
    place: (r) => `${r.family} ${r.table} ${r.dst}`,
    rank: (r) => r.metric,
    // Metric and protocol are not compared by flannel either (flannel-backends.md §3).
    differences: (w, a) =>
      list(
        ['type', w.type === a.type],
        ['gateway', w.gateway === a.gateway],
        ['dev', w.dev === a.dev],
        ['onlink', !w.flags.includes('onlink') || a.flags.includes('onlink')],
        ['nexthops', a.nexthops === undefined],
      ),
  },
  neigh: {
    place: (n) => `${n.dev} ${n.dst}`,
    differences: (w, a) => list(['lladdr', w.lladdr === a.lladdr], ['state', a.state.includes('PERMANENT')]),
  },
  fdb: {
    place: (f) => `${f.dev} ${f.mac}`,
    differences: (w, a) => list(['dst', w.dst === a.dst]),
  },
};

/**
 * What would have to change for the rows that flannel owns to become the expected ones. `owned` holds only rows that could be
 * flannel's; everything else on the node is none of its business.
 */
export function diff<T extends DiffTable>(table: T, wants: readonly Want<DiffRow[T]>[], owned: readonly DiffRow[T][]): readonly Change<DiffRow[T]>[] {
  const {place, differences, rank} = comparisons[table] as unknown as Comparison<DiffRow[T]>;
  const have = new Map<string, DiffRow[T][]>();
  for (const row of owned) {
    const key = place(row);
    const rows = have.get(key);
    if (rows) rows.push(row);
    else have.set(key, [row]);
  }
  if (rank) for (const rows of have.values()) if (rows.length > 1) rows.sort((a, b) => rank(a) - rank(b));
  const changes: Change<DiffRow[T]>[] = [];
  const claimed = new Set<string>();
  for (const want of wants) {
    const key = place(want.row);
    claimed.add(key);
    if (want.tolerated) continue;
    const rows = have.get(key);
    if (rows === undefined) {
      changes.push({kind: 'missing', want});
      continue;
    }
    // Several rows in one place (an FDB address with two destinations): right when the first, which the kernel uses, is right.
    const fields = differences(want.row, rows[0]!);
    if (fields.length > 0) changes.push({kind: 'differs', want, actual: rows as [DiffRow[T], ...DiffRow[T][]], fields});
  }
  for (const [key, rows] of have) if (!claimed.has(key)) for (const actual of rows) changes.push({kind: 'unexpected', actual});
  return changes;
}

/** A host route is written without its length by iproute2; used where a prefix is named to people. */
export const isHostRoute = (route: Route): boolean => lengthOf(route.dst) === (route.family === 4 ? 32 : 128);
