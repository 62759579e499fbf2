import type {NodeView} from '../../model/view.js';
import type {NodeState} from '../../node/state.js';
import type {Operation, RowOperation} from '../operation.js';
import {bare} from '../operations/bare.js';
import {contentsOf} from '../operations/contents.js';

/** Rows of the target's own devices that it does not want: those of peers which it reaches directly, and of nobody. Unused by now. */
export function strays({state, expected, changes}: NodeView): readonly Operation[] {
  const operations: Operation[] = [];
  for (const table of ['neigh', 'fdb'] as const) {
    const tolerated = new Set((expected?.[table] ?? []).filter((w) => w.tolerated).map((w) => placeOf(w.row)));
    const unexpected = new Set((changes[table] ?? []).flatMap((c) => (c.kind === 'unexpected' ? [c.actual] : [])) as readonly object[]);
    for (const row of state.tables[table] ?? [])
      if (unexpected.has(row) || tolerated.has(placeOf(row))) operations.push({on: table, do: 'del', row: bare(row)} as Operation);
  }
  return operations;
}

const placeOf = (row: {readonly dev: string; readonly dst?: string; readonly mac?: string; readonly lladdr?: string}): string =>
  `${row.dev} ${row.mac ?? row.dst}`;

/** The old tunnel's devices, with all that goes with them. `state`: as the node will be by then. */
export const devicesGone = (state: NodeState, names: readonly string[]): readonly (RowOperation<'link'> & {readonly do: 'del'})[] =>
  (state.tables.link ?? [])
    .filter((l) => names.includes(l.ifname))
    .map((row) => ({on: 'link', do: 'del', row: bare(row), contents: contentsOf(state, row.ifname)}));
