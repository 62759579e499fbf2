import {oneLine} from '../../ui/escape.js';
import {columns} from '../../ui/table.js';
import {theme} from '../../ui/theme.js';
import type {ShowReport} from '../documents.js';
import type {Render} from '../index.js';

export const show: Render<ShowReport> = (report, {level}) => {
  const paint = theme(level);
  const body = columns(
    report.columns.map((c) => c.toUpperCase()),
    report.rows.map((row) => report.columns.map((c) => (row[c] === null || row[c] === undefined ? '-' : String(row[c])))),
    paint.strong,
  );
  const gaps = report.gaps.map((g) => `${paint.warning('?')} ${oneLine(g.node)} ${oneLine(g.what)}: ${oneLine(g.why)}\n`);
  return body + gaps.join('');
};
