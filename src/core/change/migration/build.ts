import type {NodeView} from '../../model/view.js';
import type {Operation} from '../operation.js';
import {bare} from '../operations/bare.js';
import {loosenNew} from './rp-filter.js';

/** What a device that is there may differ in and still be taken over, without being made anew. */
const adjustable: ReadonlySet<string> = new Set(['mtu', 'up']);

/** Devices of the target's name that are something else: nothing is planned over them. */
export const incompatible = ({name, changes}: NodeView): readonly string[] =>
  (changes.link ?? []).flatMap((change) => {
    if (change.kind !== 'differs') return [];
    const fields = change.fields.filter((field) => !adjustable.has(field));
    return fields.length === 0
      ? []
      : [`${change.want.row.ifname} on ${name} is there already and differs in ${fields.join(', ')}: delete it first`];
  });

/**
 * The receiving side of the target on one node: its devices, their addresses, and the rows that lead to each peer. No route uses any of it
 * yet. Rows come before the devices' flags where flanneld does it so: a tunnel device that is up and unused takes in what peers send.
 */
export function build({state, changes}: NodeView): readonly Operation[] {
  const operations: Operation[] = [];
  for (const change of changes.link ?? []) {
    if (change.kind === 'missing') {
      operations.push({on: 'link', do: 'add', row: change.want.row});
      if (change.want.family === 4) operations.push(...loosenNew(state, change.want.row.ifname));
    } else if (change.kind === 'differs') {
      const before = bare(change.actual[0]);
      const flags = before.flags.includes('UP') ? before.flags : [...before.flags, 'UP'];
      operations.push({on: 'link', do: 'replace', row: {...before, flags, mtu: change.want.row.mtu}, before});
    }
  }
  for (const table of ['address', 'neigh', 'fdb', 'wg'] as const) {
    for (const change of changes[table] ?? []) {
      if (change.kind === 'unexpected') continue;
      const row = change.want.row;
      const before = change.kind === 'differs' ? bare(change.actual[0]) : undefined;
      operations.push({on: table, ...(before ? {do: 'replace', row, before} : {do: 'add', row})} as Operation);
    }
  }
  return operations;
}
