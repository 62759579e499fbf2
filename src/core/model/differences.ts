import {address} from '../kernel/address.js';
import {fdb} from '../kernel/fdb.js';
import {link} from '../kernel/link.js';
import {neigh} from '../kernel/neigh.js';
import {route} from '../kernel/route.js';
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
};

/** A node's changes as lines, in the tables' order and each in the order of its text. */
export function differences({name, changes}: NodeView): readonly Difference[] {
  return (Object.keys(show) as DiffTable[]).flatMap((table) => {
    const text = show[table] as (row: unknown) => string;
    const list = (changes[table] ?? []) as readonly Change<unknown>[];
    return list
      .map((change): Difference => {
        if (change.kind === 'unexpected') return {node: name, table, sign: '+', row: text(change.actual)};
        const peer = change.want.peer === undefined ? {} : {peer: change.want.peer};
        if (change.kind === 'missing') return {node: name, table, sign: '-', row: text(change.want.row), ...peer};
        return {node: name, table, sign: '~', row: text(change.actual[0]), want: text(change.want.row), fields: change.fields, ...peer};
      })
      .toSorted((a, b) => (a.row < b.row ? -1 : 1));
  });
}
