import {oneLine} from '../../ui/escape.js';
import {type Theme, theme} from '../../ui/theme.js';
import type {AllPairsReport} from '../documents.js';
import type {Render} from '../index.js';
import {wrap} from './doctor.js';

type Side = AllPairsReport['families'][number];
type Mark = NonNullable<Side['matrix']>[number]['to'][number]['mark'];

/** For each family a matrix, where it is small; then the reasons, those of most pairs first, and the summary. */
export const allPairs: Render<AllPairsReport> = ({families, exit}, {level, width}) => {
  const paint = theme(level);
  const columns = Math.min(Math.max(width, 60), 100);
  const out = families.flatMap((side) => [
    ...(side.matrix ? [...matrix(side, paint), ''] : []),
    ...side.reasons.flatMap((reason) => [...explained(reason, paint, columns), '']),
    summary(side, exit, paint),
  ]);
  return `${(out.length === 0 ? [paint.warning('? no pod network is known')] : out).join('\n')}\n`;
};

/** Rows send, columns take. */
function matrix({family, matrix: rows}: Side, paint: Theme): string[] {
  const names = rows!.map((row) => oneLine(row.from));
  const first = Math.max(4, ...names.map((name) => name.length));
  const line = (row: NonNullable<Side['matrix']>[number]) => {
    const at = new Map(row.to.map(({node, mark}) => [node, mark]));
    return rows!.map(({from}, i) => mark(at.get(from), names[i]!.length, paint)).join('  ');
  };
  return [
    paint.strong([`IPv${family}`.padEnd(first), ...names].join('  ')),
    ...rows!.map((row, i) => `${names[i]!.padEnd(first)}  ${line(row)}`.trimEnd()),
  ];
}

function mark(is: Mark | undefined, width: number, paint: Theme): string {
  const shown = {reachable: paint.good('✓'), inferred: paint.warning('~'), broken: paint.error('✗'), unknown: paint.warning('?')};
  return (is === undefined ? '·' : shown[is]) + ' '.repeat(Math.max(0, width - 1));
}

function explained(reason: Side['reasons'][number], paint: Theme, columns: number): string[] {
  const {direction, verdict, disposition, because, pairs, first, nodes, nodeCount} = reason;
  const colour = verdict === 'broken' ? paint.error : paint.warning;
  const head = `${verdict === 'broken' ? '✖' : '?'} ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}, ${direction}: ${disposition}`;
  const names = (shown: readonly string[], count: number) =>
    `${shown.slice(0, 5).map(oneLine).join(', ')}${count > 5 ? `, and ${count - 5} more` : ''}`;
  const body = [
    ...wrap(oneLine(because), columns - 4),
    ...wrap(
      `at ${names(nodes, nodeCount)}; ${names(
        first.map((p) => `${p.from} → ${p.to}`),
        pairs,
      )}`,
      columns - 4,
    ).map((l) => paint.dim(l)),
  ];
  return [colour(head), ...body.map((l) => `    ${l}`)];
}

function summary({family, nodes, ends, pairs, counts}: Side, exit: number, paint: Theme): string {
  const parts = (['broken', 'unknown', 'inferred'] as const).filter((m) => counts[m] > 0).map((m) => `${counts[m]} ${m}`);
  const what = `of ${pairs} pairs of ${nodes} ${ends}, IPv${family}`;
  if (parts.length === 0) return `${paint.good('✔')} all ${pairs} pairs of ${nodes} ${ends} reach each other, IPv${family}`;
  const sign = counts.broken > 0 ? paint.error('✖') : paint.warning('?');
  return `${sign} ${parts.join(', ')} ${what}  ${paint.dim(`(exit ${exit})`)}`;
}
