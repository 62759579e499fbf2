import {oneLine} from '../../ui/escape.js';
import {theme} from '../../ui/theme.js';
import type {DiffReport} from '../documents.js';
import type {Render} from '../index.js';
import {heading} from './heading.js';

/** Gaps that keep a comparison from being whole; others are about sections that the comparison does not need. */
const uncompared: ReadonlySet<string> = new Set(['node', 'model', 'link', 'address', 'route', 'neigh', 'fdb']);

/** `-` missing, `+` unexpected, `~` changed (what is, then what should be), in iproute2's own words, node by node. */
export const diff: Render<DiffReport> = (report, {level}) => {
  const paint = theme(level);
  const out = [heading(report.cluster, paint)];
  let at = '';
  for (const entry of report.entries) {
    const place = `${entry.node} ${entry.table}`;
    if (place !== at) out.push('', paint.strong(oneLine(place)));
    at = place;
    const about = entry.peer === undefined ? '' : paint.dim(`  # ${oneLine(entry.peer)}`);
    const colour = {'-': paint.error, '+': paint.good, '~': paint.warning}[entry.sign];
    out.push(`${colour(`${entry.sign} ${oneLine(entry.row)}`)}${about}`);
    if (entry.want !== undefined)
      out.push(`${paint.dim('  should be:')} ${oneLine(entry.want)}${entry.fields ? paint.dim(`  (${entry.fields.join(', ')})`) : ''}`);
  }
  const unread = report.gaps.filter((g) => uncompared.has(g.what));
  const strays = report.gaps.find((g) => g.what === 'strays');
  if (unread.length > 0)
    out.push(
      '',
      ...unread.map(
        (g) => `${paint.warning('? not compared')}  ${oneLine(g.node)}${g.what === 'node' ? '' : ` ${oneLine(g.what)}`}: ${oneLine(g.why)}`,
      ),
    );
  if (strays) out.push(...(unread.length > 0 ? [] : ['']), `${paint.warning('? not compared')}  ${oneLine(strays.why)}`);
  if (report.entries.length === 0)
    out.push('', unread.length > 0 || strays ? 'no difference in what could be read' : `${paint.good('✔')} no difference`);
  return `${out.join('\n')}\n`;
};
