import {type Legible, legible} from '../../../core/change/legible.js';
import type {Plan} from '../../../core/change/plan.js';
import {titleOf} from '../../../core/change/title.js';
import {oneLine} from '../../ui/escape.js';
import {few, more} from '../../ui/few.js';
import {type Theme, theme} from '../../ui/theme.js';
import type {ChangePlan} from '../documents.js';
import type {Render} from '../index.js';
import {wrap} from './doctor.js';

/** Nodes of one stage whose commands are shown. */
const NODES = 20;
/** Characters of one command. */
const LONG = 200;

/** What would be run on each node, stage by stage, each with what takes it back. */
export const plan: Render<ChangePlan> = ({plan: document, steps}, {level, width}) => {
  const paint = theme(level);
  const wide = Math.min(Math.max(width, 60), 120);
  const {what, from, to, control, warnings, irreversible, left, stages} = document as unknown as Plan;
  const title = oneLine(titleOf({what, ...(from && {from}), to}));
  const operations = stages.reduce((n, s) => n + s.work.reduce((m, w) => m + w.operations.length, 0), 0);
  const nodes = new Set(steps.map((s) => s.node)).size;
  const titles = [...new Set(steps.map((s) => s.stage))];
  const list = (mark: string, lines: readonly string[], colour: (text: string) => string) =>
    lines.flatMap((line) => wrap(oneLine(line), wide - 4).map((part, i) => colour(`${i === 0 ? `  ${mark} ` : '    '}${part}`)));
  const out =
    steps.length === 0
      ? [paint.good(`✔ ${title}: nothing to do`)]
      : [
          paint.strong(`${title}: ${count(operations, 'operation')} on ${count(nodes, 'node')}, nothing was changed yet`),
          ...(control
            ? list(
                '→',
                [`flanneld's configuration (${control.by}): ${backendOf(control.before)} becomes ${backendOf(control.after)}`],
                (text) => text,
              )
            : []),
          ...list('▲', warnings, paint.warning),
          ...list(
            '✖',
            irreversible.map((i) => `${i.node}: ${i.what} cannot be taken back: ${i.why}`),
            paint.error,
          ),
          ...titles.flatMap((name, i) => {
            const stage = stages.find((s) => s.title === name);
            const at = `${i + 1}/${titles.length}`;
            const own = steps.filter((s) => s.stage === name);
            return ['', ...(stage ? stageLines(stage, at, paint, wide) : commandLines(name, own, at, paint))];
          }),
        ];
  if (left.length > 0) {
    const lines = few(left, (l) => l.why);
    out.push('', paint.strong('Left as it is'));
    for (const l of lines)
      out.push(
        ...(typeof l === 'number' ? list(' ', [more(l)], paint.dim) : list('·', [`${l.node}: ${l.what}: ${l.why}`], (text) => text)),
      );
  }
  return `${out.join('\n').trimEnd()}\n`;
};

/** Nodes on which the very same is done share its lines. */
function stageLines({title, work}: Plan['stages'][number], at: string, paint: Theme, wide: number): readonly string[] {
  const by = new Map<string, string[]>();
  for (const {node, operations} of work) {
    const changes = legible(operations);
    const lines = [
      ...folded(changes, (c) => c.run).map((line) => `    ${line}`),
      ...folded(changes.toReversed(), (c) => c.undo).map((line, i) => paint.dim(`    ${i === 0 ? 'undo: ' : '      '}${line}`)),
    ].join('\n');
    by.set(lines, [...(by.get(lines) ?? []), oneLine(node)]);
  }
  const blocks = [...by].slice(0, NODES);
  const shown = blocks.reduce((n, [, nodes]) => n + nodes.length, 0);
  return [
    `${paint.strong(oneLine(title))}  ${paint.dim(`stage ${at} · ${count(work.length, 'node')}`)}`,
    ...blocks.flatMap(([lines, nodes]) => [...wrap(nodes.join(', '), wide - 2).map((part) => `  ${paint.strong(part)}`), lines]),
    ...(shown < work.length ? [paint.dim(`  … ${work.length - shown} more nodes (-o json has them all)`)] : []),
  ];
}

/** A stage of whoever keeps flanneld's configuration: it has commands only. */
function commandLines(title: string, steps: ChangePlan['steps'], at: string, paint: Theme): readonly string[] {
  const shown = (batches: ChangePlan['steps'][number]['run']): readonly string[] =>
    batches.flatMap(({tool, lines}) => lines.map((line) => cut(oneLine(tool === 'sh' ? line : `${tool} ${line}`))));
  return [
    `${paint.strong(oneLine(title))}  ${paint.dim(`stage ${at} · ${count(new Set(steps.map((s) => s.node)).size, 'node')}`)}`,
    ...steps.flatMap(({node, run, undo}) => [
      `  ${paint.strong(oneLine(node))}`,
      ...shown(run).map((line) => `    ${line}`),
      ...shown(undo).map((line, i) => paint.dim(`    ${i === 0 ? 'undo: ' : '      '}${line}`)),
    ]),
  ];
}

/** A page of shell is not read; `-o json` has it whole. */
const cut = (line: string): string =>
  line.length <= LONG ? line : `${line.slice(0, LONG)} … (${line.length} characters, whole in -o json)`;

/** The Backend of a net-conf.json, whatever case its key is in. */
function backendOf(netConf: unknown): string {
  const entries = typeof netConf === 'object' && netConf !== null ? Object.entries(netConf) : [];
  return oneLine(JSON.stringify(entries.find(([key]) => key.toLowerCase() === 'backend')?.[1] ?? {}));
}

/** Three of each sort that has many, then how many more there are; all in order. */
function folded(changes: readonly Legible[], lines: (change: Legible) => readonly string[]): readonly string[] {
  return few(changes, (c) => c.like).flatMap((c) =>
    typeof c === 'number' ? more(c) : few(lines(c), alike).map((line) => (typeof line === 'number' ? more(line) : oneLine(line))),
  );
}

/** Of lines of one change (a device with all that was on it): the command without what it is about. */
const alike = (line: string): string => line.split(' ', 3).join(' ');

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
