import Table from 'cli-table3';
import {oneLine} from './escape.js';

/** cli-table3 is super-linear: 20 000 rows take 22 s. Beyond this, plain padded columns do. */
const ROWS_FOR_CLI_TABLE = 300;

/** Rows as aligned columns without rules: greppable, and as wide as it needs to be. Cells are escaped. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[], style: (text: string) => string = (t) => t): string {
  const cells = rows.map((row) => row.map(oneLine));
  if (rows.length === 0) return `${style(head.join('  '))}\n`;
  if (rows.length > ROWS_FOR_CLI_TABLE) return padded(head, cells, style);
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  };
  const table = new Table({
    head: head.map((title) => style(title)),
    chars: none,
    style: {head: [], border: [], 'padding-left': 0, 'padding-right': 0},
  });
  table.push(...cells);
  return `${table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

function padded(head: readonly string[], rows: readonly (readonly string[])[], style: (text: string) => string): string {
  const widths = head.map((title, i) => rows.reduce((w, row) => Math.max(w, row[i]?.length ?? 0), title.length));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[style(line(head)), ...rows.map(line)].join('\n')}\n`;
}
