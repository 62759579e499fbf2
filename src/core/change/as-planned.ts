import {tables} from '../kernel/index.js';
import type {Link} from '../kernel/link.js';
import type {Route} from '../kernel/route.js';
import {modes} from '../modes/index.js';
import type {Prefix} from '../net/address.js';
import {contains} from '../net/prefix.js';
import type {NodeState} from '../node/state.js';
import type {ChangeRow, ChangeTable, Operation} from './operation.js';
import {tookOf} from './operations/index.js';
import type {Plan} from './plan.js';
import {simulate} from './simulate.js';

/** What the plan has done on a node once these stages (`first` to `last`, both included) are through, in order. */
export const operationsOn = (plan: Plan, node: string, first: number, last: number): readonly Operation[] =>
  plan.stages.slice(first, last + 1).flatMap(({work}) => work.flatMap((w) => (w.node === node ? w.operations : [])));

/**
 * Where a node is not as the plan says it must be by now. Between two stages a node is of no mode at all, so what is compared with is what
 * the operations make of the state that the plan began with: each of them still holds unless a later one undid it, and flannel's own rows
 * that none has touched are as they were.
 * @param before the node as the plan saw it
 * @param networks the pod networks
 * @param theirs devices that flanneld makes and takes away: nothing is asked of them
 * @returns one line for each difference, at most `most`, then how many more there are
 */
export function departures(
  before: NodeState,
  operations: readonly Operation[],
  found: NodeState,
  networks: readonly Prefix[],
  {theirs = [], most = 10}: {readonly theirs?: readonly string[]; readonly most?: number} = {},
): readonly string[] {
  const want = simulate(before, operations);
  const told = new Set<string>();
  for (const op of operations) {
    if (isOn(op, theirs) || tookOf(op, want) !== undefined) continue;
    const what = tookOf(op, found);
    if (what !== undefined) told.add(what);
  }
  for (const table of own) {
    const [wanted, held] = [ownRows(table, want, networks, theirs), ownRows(table, found, networks, theirs)];
    if (wanted === undefined) continue;
    if (held === undefined) {
      told.add(`its ${table} table could not be read`);
      continue;
    }
    const {key, show} = tables[table] as {key: (row: unknown) => string; show: (row: unknown) => string};
    const keys = new Set(wanted.map(key));
    const shown = new Set(held.map(show));
    for (const row of wanted) {
      // Looking for a row goes through the table; of thousands most are as they were. A device has more to it than is shown.
      if (table !== 'link' && shown.has(show(row))) continue;
      const what = tookOf({on: table, do: 'add', row} as Operation, found);
      if (what !== undefined) told.add(what);
    }
    for (const row of held) if (!keys.has(key(row))) told.add(`${table} ${show(row)} is there, and the plan knows nothing of it`);
  }
  const list = [...told];
  return list.length <= most ? list : [...list.slice(0, most), `and ${list.length - most} more`];
}

const own = ['link', 'address', 'route', 'neigh', 'fdb', 'wg', 'xfrm'] as const satisfies readonly ChangeTable[];

const ofFlannel = (dev: string | undefined): boolean => dev !== undefined && modes.some((mode) => mode.ownsDevice(dev));

const deviceIn = (row: object): string | undefined => {
  const {ifname, dev} = row as {readonly ifname?: string; readonly dev?: string};
  return ifname ?? dev;
};
/** A setting of such a device is: it is born with another one when flanneld makes the device anew. */
const isOn = (op: Operation, devices: readonly string[]): boolean =>
  'row' in op ? devices.includes(deviceIn(op.row) ?? '') : op.on === 'sysctl' && devices.some((dev) => op.key.includes(`/${dev}/`));

/** Rows that only flannel or flanctl writes; the rest of a node moves by itself. */
function ownRows<T extends ChangeTable>(
  table: T,
  state: NodeState,
  networks: readonly Prefix[],
  theirs: readonly string[],
): readonly ChangeRow[T][] | undefined {
  const rows = state.tables[table] as readonly ChangeRow[T][] | undefined;
  const pick: {readonly [K in ChangeTable]: (row: ChangeRow[K]) => boolean} = {
    link: (row) => ofFlannel(row.ifname),
    address: (row) => ofFlannel(row.dev) && row.scope === 'global',
    route: (row) => isPodRoute(row, networks),
    neigh: (row) => ofFlannel(row.dev) && row.state.includes('PERMANENT'),
    fdb: (row) => ofFlannel(row.dev) && row.dst !== undefined && row.state === 'permanent',
    wg: (row) => ofFlannel(row.dev),
    // Those of pods come and go with them.
    rule: () => false,
    xfrm: (row) => networks.some((n) => contains(n, row.src) && contains(n, row.dst)),
  };
  const foreign = (row: ChangeRow[T]): boolean => theirs.includes(deviceIn(row) ?? '');
  return rows?.filter((row) => (pick[table] as (row: ChangeRow[T]) => boolean)(row) && !foreign(row)).map((row) => settled(table, row));
}

/** The kernel makes its own routes with an address. */
const isPodRoute = (row: Route, networks: readonly Prefix[]): boolean =>
  row.table === 'main' && row.protocol !== 'kernel' && networks.some((n) => !n.endsWith('/0') && n !== row.dst && contains(n, row.dst));

/** What of a device changes by itself is not asked for: its carrier and its index. */
function settled<T extends ChangeTable>(table: T, row: ChangeRow[T]): ChangeRow[T] {
  if (table !== 'link') return row;
  const {ifindex: _, operstate: __, ...link} = row as Link;
  return link as ChangeRow[T];
}
