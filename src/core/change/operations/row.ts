import {looked, type NodeState} from '../../node/state.js';
import type {ChangeRow, ChangeTable, Operation, RowOperation} from '../operation.js';
import {type Kind, type Line, unsafe} from './kind.js';

/** What a table's rows need so that they can come, change and go. */
interface RowSpec<Row> {
  readonly name: string;
  /** Are they the same entry, so that one would take the other's place? */
  is(a: Row, b: Row): boolean;
  /** Are they alike in all that a command sets? */
  equal(a: Row, b: Row): boolean;
  show(row: Row): string;
  dev(row: Row): string | undefined;
  put(row: Row, before: Row | undefined): readonly Line[];
  drop(row: Row): readonly Line[];
  /** Lines that a cut-off `put` needs on top of the inverse. */
  tidy?(row: Row, before: Row): readonly Line[];
  /** The line for an undo, where a batch would end at one that fails, `-force` or not. */
  lenient?(line: Line): Line;
  /** A row that only packets or timers keep alive: it counts as not there. */
  fleeting?(row: Row): boolean;
  /** Further reasons not to. */
  refuses?(row: Row, rows: readonly Row[]): string | undefined;
  /** The row as the kernel will list it. */
  listed?(row: Row): Row;
  /** What else the kernel changes when a row comes or goes. */
  came?(state: NodeState, row: Row): NodeState;
  went?(state: NodeState, row: Row): NodeState;
  irreversible?(row: Row): string | undefined;
}

export const rowsOf = <T extends ChangeTable>(state: NodeState, table: T): readonly ChangeRow[T][] =>
  (state.tables[table] ?? []) as unknown as readonly ChangeRow[T][];

/** The state with other rows in one table; a table that was not read stays so. */
export const withRows = <T extends ChangeTable>(state: NodeState, table: T, rows: readonly ChangeRow[T][]): NodeState =>
  state.tables[table] === undefined ? state : {...state, tables: {...state.tables, [table]: rows}};

/** The kind of operation that changes rows of one table. */
export function rowKind<T extends Exclude<ChangeTable, 'link'>>(table: T, spec: RowSpec<ChangeRow[T]>): Kind<RowOperation<T>> {
  type Row = ChangeRow[T];
  const operation = (op: RowOperation<T>): Operation => op as unknown as Operation;
  const solid = (row: Row): boolean => !spec.fleeting?.(row);
  const find = (state: NodeState, row: Row): Row | undefined => rowsOf(state, table).find((other) => spec.is(other, row) && solid(other));
  const isNot = (state: NodeState, row: Row): string | undefined => {
    if (!solid(row)) return undefined;
    const found = find(state, row);
    if (found === undefined) return `${spec.name} ${spec.show(row)} is not there`;
    return spec.equal(found, row) ? undefined : `${spec.name} ${spec.show(row)} is now ${spec.show(found)}`;
  };
  const isThere = (state: NodeState, row: Row): string | undefined => {
    const found = find(state, row);
    return found && `${spec.name} ${spec.show(found)} is there`;
  };
  const unread = (state: NodeState, row: Row): string | undefined =>
    looked(state, table, (row as {family?: 4 | 6}).family) ? undefined : `the ${spec.name} table was not read`;
  /** The row in the place of the entry that it replaces; one of another key comes before the old one goes. */
  const put = (state: NodeState, row: Row, before: Row | undefined): NodeState => {
    const fresh = spec.listed?.(row) ?? row;
    const moves = before !== undefined && !spec.is(before, row);
    const rows = rowsOf(state, table);
    const at = rows.findIndex((other) => spec.is(other, moves ? before : row));
    const rest = rows.filter((other) => !spec.is(other, row));
    const next = withRows(state, table, at < 0 ? [...rest, fresh] : [...rest.slice(0, at), fresh, ...rest.slice(at)]);
    const came = spec.came?.(next, fresh) ?? next;
    return moves ? drop(came, before) : came;
  };
  const drop = (state: NodeState, row: Row): NodeState => {
    const next = withRows(
      state,
      table,
      rowsOf(state, table).filter((other) => !spec.is(other, row)),
    );
    return spec.went?.(next, row) ?? next;
  };
  return {
    words: (op) => (op.do === 'del' ? spec.drop(op.row) : spec.put(op.row, op.do === 'replace' ? op.before : undefined)),
    inverse(op) {
      if (op.do === 'add') return [operation({on: table, do: 'del', row: op.row})];
      if (op.do === 'del') return [operation({on: table, do: 'add', row: op.row})];
      return [operation({on: table, do: 'replace', row: op.before, before: op.row})];
    },
    undo(op) {
      const leniently = (lines: readonly Line[]) => (spec.lenient ? lines.map(spec.lenient) : lines);
      if (op.do === 'add') return leniently(spec.drop(op.row));
      if (op.do === 'del') return leniently(spec.put(op.row, undefined));
      return leniently([...spec.put(op.before, op.row), ...(spec.tidy?.(op.row, op.before) ?? [])]);
    },
    expects(op, state) {
      const blind = unread(state, op.row) ?? unsafe(spec.dev(op.row));
      if (blind !== undefined) return blind;
      if (op.do === 'del') return isNot(state, op.row);
      const dev = spec.dev(op.row);
      if (dev !== undefined && state.families.link !== undefined && !rowsOf(state, 'link').some((l) => l.ifname === dev))
        return `device ${dev} is not there`;
      const refused = spec.refuses?.(op.row, rowsOf(state, table));
      if (op.do === 'add') return isThere(state, op.row) ?? refused;
      return isNot(state, op.before) ?? (spec.is(op.row, op.before) ? undefined : (isThere(state, op.row) ?? refused));
    },
    effect: (op, state) => (op.do === 'del' ? drop(state, op.row) : put(state, op.row, op.do === 'replace' ? op.before : undefined)),
    took(op, state) {
      const blind = unread(state, op.row);
      if (blind !== undefined) return blind;
      if (op.do === 'del') return isThere(state, op.row);
      const old = op.do === 'replace' && !spec.is(op.row, op.before) ? isThere(state, op.before) : undefined;
      return isNot(state, op.row) ?? old;
    },
    irreversible: (op) => (op.do === 'add' ? undefined : spec.irreversible?.(op.do === 'replace' ? op.before : op.row)),
    show(op) {
      const verb = {add: 'add', replace: 'replace', del: 'delete'}[op.do];
      const was = op.do === 'replace' ? ` (was: ${spec.show(op.before)})` : '';
      return `${verb} ${spec.name} ${spec.show(op.row)}${was}`;
    },
  };
}
