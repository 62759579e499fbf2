import type {Family} from '../net/address.js';

/** Where a row was read: which command printed it, where, and the text or JSON object itself, for quoting. */
export interface Origin {
  readonly command: string;
  /** 1-based line of a text listing; 1-based element of a JSON array. */
  readonly line: number;
  /** The line as printed, or the JSON object as parsed (its JSON.stringify is what iproute2 printed). */
  readonly raw: unknown;
}

/** Every row may say where it came from; rows that flanctl computed (expected state) have no origin. */
export interface Sourced {
  readonly origin?: Origin;
}

/** A line or an array element that could not be understood; the rest of the table was read. */
export interface ParseProblem {
  readonly command: string;
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

export interface Parsed<Row> {
  readonly rows: readonly Row[];
  readonly problems: readonly ParseProblem[];
}

/** What a parser is told about the text it gets. */
export interface ParseContext {
  /** The command line that printed it, as recorded; its own filters (`dev X`, `table N`) complete the rows. */
  readonly command: string;
  /** The family the section is known to be of, where the text does not say (empty `ip -6 route`). */
  readonly family?: Family;
}

/** Sections that can supply one family of a table, best first; the first that was gathered is used. */
export interface Supply {
  readonly family?: Family;
  readonly sections: readonly string[];
}

/**
 * One kernel table: how its rows are read, named, told apart and shown.
 * Everything generic (diff, snapshot, show, reports) works through this and knows no table by name.
 */
export interface Table<Row extends Sourced> {
  readonly name: string;
  readonly supply: readonly Supply[];
  /** Reads JSON (first byte `[` or `{`) or text, whatever the command line promised: iproute2 4.15 prints text with exit 0 for `-j`. */
  parse(output: string, context: ParseContext): Parsed<Row>;
  /** Two rows with one key are the same entry; they may still differ. */
  key(row: Row): string;
  /** The row as `ip` or `bridge` would print it and take it. */
  show(row: Row): string;
}
