import {leaseOf} from '../flannel/lease.js';
import {address} from '../kernel/address.js';
import {fdb} from '../kernel/fdb.js';
import {link} from '../kernel/link.js';
import {neigh} from '../kernel/neigh.js';
import {route} from '../kernel/route.js';
import {rule} from '../kernel/rule.js';
import {wg} from '../kernel/wg.js';
import {xfrm} from '../kernel/xfrm.js';
import type {Gap} from '../node/dump.js';
import {looked} from '../node/state.js';
import {isKnown} from './cluster.js';
import type {Change, DiffRow, DiffTable} from './diff.js';
import type {NodeView} from './view.js';

export interface Difference {
  readonly node: string;
  readonly table: DiffTable;
  readonly sign: '-' | '+' | '~';
  readonly row: string;
  readonly want?: string;
  readonly fields?: readonly string[];
  readonly peer?: string;
}

const show: {readonly [T in DiffTable]: (row: DiffRow[T]) => string} = {
  link: link.show,
  address: address.show,
  route: route.show,
  neigh: neigh.show,
  fdb: fdb.show,
  wg: wg.show,
  xfrm: xfrm.show,
  rule: (row) => rule.show(row).replace('\t', ' '),
};

/** What of the node was not compared with the model: no difference there means nothing. */
export function uncompared({name, cluster, state, expected, self}: NodeView): readonly Gap[] {
  // A node of which nothing was read is one gap already.
  if (state.failure && Object.keys(state.tables).length === 0) return [];
  if (expected === undefined) return [{node: name, what: 'model', why: 'its lease or the mode is not known, so nothing was compared'}];
  const leased = ([4, 6] as const).filter((family) => self && leaseOf(self, family) !== undefined);
  const families = leased.length > 0 ? leased : ([4] as const);
  const unknown = cluster.members.filter((m) => !isKnown(m, cluster.networks)).map((m) => m.name);
  const strays = cluster.complete
    ? []
    : [
        {
          node: name,
          what: 'strays',
          why: `rows that no known node asks for may belong to ${unknown.join(', ') || 'nodes that were not read'}`,
        },
      ];
  const tables = (Object.keys(show) as DiffTable[]).flatMap((table) => {
    if ((expected[table] ?? []).length === 0) return [];
    const perFamily = table === 'route' || table === 'neigh' || table === 'rule';
    const blind = perFamily ? families.filter((f) => !looked(state, table, f)).map((f) => ` of IPv${f}`) : looked(state, table) ? [] : [''];
    return blind.map((which) => ({node: name, what: table, why: `the table${which} was not read, so it was not compared`}));
  });
  return [...tables, ...strays];
}

/** Tables of rows for peers: one that no known peer asks for may be that of a peer which was not read. */
const ofPeers: ReadonlySet<DiffTable> = new Set(['route', 'neigh', 'fdb', 'wg', 'xfrm', 'rule']);

/** A node's changes as lines, in the tables' order and each in the order of its text. */
export function differences({name, cluster, changes}: NodeView): readonly Difference[] {
  return (Object.keys(show) as DiffTable[]).flatMap((table) => {
    const text = show[table] as (row: unknown) => string;
    const list = (changes[table] ?? []) as readonly Change<unknown>[];
    return list
      .filter((change) => change.kind !== 'unexpected' || cluster.complete || !ofPeers.has(table))
      .map((change): Difference => {
        if (change.kind === 'unexpected') return {node: name, table, sign: '+', row: text(change.actual)};
        const peer = change.want.peer === undefined ? {} : {peer: change.want.peer};
        if (change.kind === 'missing') return {node: name, table, sign: '-', row: text(change.want.row), ...peer};
        return {node: name, table, sign: '~', row: text(change.actual[0]), want: text(change.want.row), fields: change.fields, ...peer};
      })
      .toSorted((a, b) => (a.row < b.row ? -1 : 1));
  });
}
