import type {Sourced} from '../../kernel/table.js';

/** A row without where it was read: what a plan keeps of it. */
export function bare<Row extends Sourced>(row: Row): Row {
  if (row.origin === undefined) return row;
  const {origin: _, ...rest} = row;
  return rest as Row;
}
