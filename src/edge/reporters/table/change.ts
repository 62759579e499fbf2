import {oneLine} from '../../ui/escape.js';
import {few, more} from '../../ui/few.js';
import {columns} from '../../ui/table.js';
import {type Theme, theme} from '../../ui/theme.js';
import type {ChangeReport} from '../documents.js';
import type {Render} from '../index.js';
import {duration, type LedgerDocument, outcomeOf, stageAt, troubled, unmeasured, verdictOf} from '../ledger-facts.js';
import {wrap} from './doctor.js';

/** Flows that are shown one by one; the machine forms have all. */
const SHOWN = 20;

/** What became of a change, stage by stage; what is left; then what its ledger counted. */
export const change: Render<ChangeReport> = (report, {level, width}) => {
  const paint = theme(level);
  const wide = Math.min(Math.max(width, 60), 120);
  const outcome = outcomeOf(report);
  const [mark, colour] = {good: ['✔', paint.good], bad: ['✖', paint.error], mild: ['·', paint.dim]}[outcome.is] as [string, Theme['good']];
  // What was not begun took no time that anybody wants to know.
  const ran = report.id === null ? '' : `${oneLine(report.id)} · ${duration(report.seconds)}`;
  const out = [
    `${colour(`${mark} ${oneLine(report.title)}: ${outcome.says}`)}  ${paint.dim(ran)}`.trimEnd(),
    ...report.because.flatMap((line) => wrap(oneLine(line), wide - 4).map((part, i) => `${i === 0 ? '  → ' : '    '}${part}`)),
    ...report.warnings.flatMap((line) =>
      wrap(oneLine(line), wide - 4).map((part, i) => paint.warning(`${i === 0 ? '  ▲ ' : '    '}${part}`)),
    ),
    ...(report.stages.length > 0 ? ['', ...stages(report, paint)] : []),
  ];
  if (report.left.length > 0) {
    out.push('', paint.strong('Left as it is'));
    // What is left of a change that failed is told node by node.
    const left = report.outcome === 'stranded' ? report.left : few(report.left, (one) => one.why);
    for (const l of left) {
      const [mark, text] = typeof l === 'number' ? [' ', more(l)] : ['·', `${l.node}: ${l.what}: ${l.why}`];
      out.push(...wrap(oneLine(text), wide - 4).map((part, i) => `  ${i === 0 ? mark : ' '} ${part}`));
    }
  }
  if (report.ledger) out.push('', ...ledger(report, report.ledger, paint));
  return `${out.join('\n').trimEnd()}\n`;
};

function stages({stages: list}: ChangeReport, paint: Theme): string[] {
  const marks = {
    done: paint.good('✔'),
    failed: paint.error('✖'),
    undone: paint.warning('↺'),
    'undo-failed': paint.error('✖'),
    'not-reached': paint.dim('·'),
  };
  const long = Math.max(...list.map((s) => oneLine(s.title).length));
  return list.map((stage) => {
    const facts = [
      stage.nodes.length === 1 ? '1 node' : `${stage.nodes.length} nodes`,
      ...(stage.operations === null ? [] : [stage.operations === 1 ? '1 operation' : `${stage.operations} operations`]),
      ...(stage.seconds === null ? [] : [duration(stage.seconds)]),
      ...(stage.state === 'done' ? [] : [stage.state.replaceAll('-', ' ')]),
    ];
    return `  ${marks[stage.state]} ${oneLine(stage.title).padEnd(long)}  ${paint.dim(facts.join(' · '))}`;
  });
}

function ledger(report: ChangeReport, document: LedgerDocument, paint: Theme): string[] {
  const {total, flows, notMeasured, interval} = document;
  const clean = total.lost + total.reordered + total.duplicated === 0 && flows.length > 0;
  const colour = !clean ? paint.error : notMeasured.length > 0 ? paint.warning : paint.good;
  const bad = troubled(document);
  const rows = bad.slice(0, SHOWN).map((flow) => {
    const [worst] = flow.gaps;
    return [
      flow.from,
      flow.to,
      `IPv${flow.family}`,
      String(flow.sent),
      String(flow.lost),
      String(flow.reordered),
      worst === undefined ? '' : `${worst.lost} in ${duration(worst.seconds)}`,
      worst === undefined ? '' : (stageAt(report, worst) ?? 'before the first stage'),
    ];
  });
  return [
    `${paint.strong('Loss ledger')}  ${paint.dim(`${Math.round(1 / interval)} echoes a second for each pair, there and back`)}`,
    ...(rows.length === 0
      ? []
      : columns(['FROM', 'TO', '', 'SENT', 'LOST', 'REORDERED', 'LONGEST', 'DURING'], rows, paint.dim)
          .trimEnd()
          .split('\n')
          .map((line) => `  ${line}`)),
    ...(bad.length > SHOWN ? [paint.dim(`  and ${bad.length - SHOWN} more flows (-o json has them all)`)] : []),
    ...unmeasured(document).map(([why, count]) => paint.warning(`  ? ${count} not measured: ${oneLine(why)}`)),
    colour(`${clean ? (notMeasured.length > 0 ? '?' : '✔') : '✖'} ${verdictOf(document)}`),
  ];
}
