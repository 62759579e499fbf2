import {type Theme, theme} from '../../ui/theme.js';
import type {PingReport} from '../documents.js';
import type {Render} from '../index.js';

type Pair = PingReport['pairs'][number];

/** A matrix for each address family: rows send, columns answer. */
export const ping: Render<PingReport> = (report, {level}) => {
  const paint = theme(level);
  const families = [...new Set(report.pairs.map((pair) => pair.family))].sort();
  const failed = report.pairs.filter((pair) => !pair.small || !pair.large);
  const out = families.flatMap((family) => [
    ...matrix(
      `IPv${family}`,
      report.pairs.filter((pair) => pair.family === family),
      paint,
    ),
    '',
  ]);
  const verdict = report.ok
    ? `${paint.good('✔')} all ${report.pairs.length} pairs answer`
    : `${paint.error('✖')} ${failed.length} of ${report.pairs.length} pairs fail  ${paint.dim('✗ no answer   ~ only small packets')}`;
  return `${[...out, verdict].join('\n')}\n`;
};

function matrix(title: string, pairs: readonly Pair[], paint: Theme): string[] {
  const senders = [...new Set(pairs.map((pair) => pair.from))];
  const targets = [...new Set(pairs.map((pair) => pair.to))];
  // The outside is no peer: it stands last.
  const order = [...targets.filter((to) => to !== 'outside').sort(byNumbers), ...targets.filter((to) => to === 'outside')];
  const first = Math.max(title.length, ...senders.map((name) => name.length));
  const at = new Map(pairs.map((pair) => [`${pair.from} ${pair.to}`, pair]));
  return [
    paint.strong([title.padEnd(first), ...order].join('  ')),
    ...senders.map((from) =>
      [from.padEnd(first), ...order.map((to) => cell(at.get(`${from} ${to}`), to.length, paint))].join('  ').trimEnd(),
    ),
  ];
}

const byNumbers = (a: string, b: string): number => a.localeCompare(b, 'en', {numeric: true});

function cell(pair: Pair | undefined, width: number, paint: Theme): string {
  if (pair === undefined) return '·'.padEnd(width);
  const [mark, colour] = !pair.small
    ? (['✗', paint.error] as const)
    : pair.large
      ? (['✓', paint.good] as const)
      : (['~', paint.warning] as const);
  return colour(mark) + ' '.repeat(width - 1);
}
