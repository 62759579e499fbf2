import {oneLine} from '../../ui/escape.js';
import {type Theme, theme} from '../../ui/theme.js';
import type {ChangePlan} from '../documents.js';
import type {Render} from '../index.js';
import {wrap} from './doctor.js';

/** Lines of one step that are shown; the machine forms have all. */
const SHOWN = 60;

type Batches = ChangePlan['steps'][number]['run'];

/** The exact commands on each node, stage by stage, each step with what takes it back. */
export const plan: Render<ChangePlan> = ({plan: {what, from, to, warnings, irreversible, left, stages}, steps}, {level, width}) => {
  const paint = theme(level);
  const wide = Math.min(Math.max(width, 60), 120);
  const title = from === undefined ? `${what} ${to.type}` : `${what} ${from.type} to ${to.type}`;
  const operations = stages.reduce((n, s) => n + s.work.reduce((m, w) => m + w.operations.length, 0), 0);
  const nodes = new Set(steps.map((s) => s.node)).size;
  const list = (mark: string, lines: readonly string[], colour: (text: string) => string) =>
    lines.flatMap((line) => wrap(oneLine(line), wide - 4).map((part, i) => colour(`${i === 0 ? `  ${mark} ` : '    '}${part}`)));
  const out =
    operations === 0
      ? [paint.good(`✔ ${oneLine(title)}: nothing to do`)]
      : [
          paint.strong(`${oneLine(title)}: ${count(operations, 'operation')} on ${count(nodes, 'node')}, nothing was changed yet`),
          ...list('▲', warnings, paint.warning),
          ...list(
            '✖',
            irreversible.map((i) => `${i.node}: ${i.what} cannot be taken back: ${i.why}`),
            paint.error,
          ),
          ...stages.flatMap((stage) => [
            '',
            `${paint.strong(stage.phase)}  ${oneLine(stage.title)}`,
            ...steps.filter((s) => s.stage === stage.title).flatMap((s) => step(s, paint)),
          ]),
        ];
  if (left.length > 0) {
    const lines = left.map((l) => `${l.node}: ${l.what}: ${l.why}`);
    out.push('', paint.strong('Left as it is'), ...list('·', lines, (text) => text));
  }
  return `${out.join('\n').trimEnd()}\n`;
};

function step({node, run, undo}: ChangePlan['steps'][number], paint: Theme): readonly string[] {
  return [
    `  ${paint.strong(oneLine(node))}`,
    ...shown(run).map((line) => `    ${line}`),
    ...shown(undo).map((line, i) => paint.dim(`    ${i === 0 ? 'undo: ' : '      '}${line}`)),
  ];
}

function shown(batches: Batches): readonly string[] {
  const lines = batches.flatMap(({tool, lines: texts}) => texts.map((text) => oneLine(tool === 'sh' ? text : `${tool} ${text}`)));
  return lines.length <= SHOWN ? lines : [...lines.slice(0, SHOWN), `and ${lines.length - SHOWN} more (-o json has them all)`];
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
