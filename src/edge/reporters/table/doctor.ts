import {oneLine} from '../../ui/escape.js';
import {type Theme, theme} from '../../ui/theme.js';
import type {DoctorReport, FindingDocument} from '../documents.js';
import type {Render} from '../index.js';
import {heading} from './heading.js';

/** Evidence lines shown for one finding; the machine forms have them all. */
const EVIDENCE_LINES = 6;
const STEPS = 12;

const marks = {error: '✖', warning: '▲', info: 'ℹ'} as const;

export const doctor: Render<DoctorReport> = (report, {level, width}) => {
  const paint = theme(level);
  const out = [heading(report.cluster, paint), ''];
  for (const finding of report.findings) out.push(...block(finding, paint, width), '');
  out.push(...gaps(report, paint));
  out.push(verdict(report, paint));
  return `${out.join('\n')}\n`;
};

function block(finding: FindingDocument, paint: Theme, width: number): string[] {
  const colour = paint[finding.severity];
  const lines = [
    `${colour(`${marks[finding.severity]} ${finding.severity}`)}  ${paint.strong(finding.rule)}  ${oneLine(finding.node)}`,
    ...wrap(oneLine(finding.message), width - 2).map((l) => `  ${paint.strong(l)}`),
    ...field('effect', finding.effect, paint, width),
    ...field('cause', finding.cause, paint, width),
  ];
  const shown = finding.evidence.flatMap((e) => [
    {kind: 'command' as const, text: `${e.node}$ ${e.command}`},
    ...e.lines.map((text) => ({kind: 'row' as const, text})),
  ]);
  for (const [i, line] of shown.slice(0, EVIDENCE_LINES).entries()) {
    const text = oneLine(line.text);
    lines.push(`  ${paint.dim(i === 0 ? 'seen    ' : '        ')}${line.kind === 'command' ? paint.dim(text) : `  ${text}`}`);
  }
  if (shown.length > EVIDENCE_LINES)
    lines.push(`          ${paint.dim(`… ${shown.length - EVIDENCE_LINES} more lines (-o json has them all)`)}`);
  lines.push(...field('remedy', finding.remedy.summary, paint, width));
  for (const step of finding.remedy.steps.slice(0, STEPS))
    lines.push(`            ${paint.dim(`${oneLine(step.node)}#`)} ${oneLine(step.run)}`);
  if (finding.remedy.steps.length > STEPS)
    lines.push(`            ${paint.dim(`… ${finding.remedy.steps.length - STEPS} more commands (-o json has them all)`)}`);
  for (const child of finding.consequences) {
    lines.push(`  ${paint.dim('└ follows:')} ${oneLine(child.id)}  ${paint.dim(oneLine(child.message))}`);
  }
  lines.push(`  ${paint.dim(`flanctl explain ${finding.rule}`)}`);
  return lines;
}

function field(name: string, text: string, paint: Theme, width: number): string[] {
  return wrap(oneLine(text), width - 10).map((line, i) => `  ${paint.dim((i === 0 ? name : '').padEnd(8))}${line}`);
}

/** Breaks at blanks; a word longer than the line stays whole, so that addresses can be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > Math.max(width, 40)) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

function gaps(report: DoctorReport, paint: Theme): string[] {
  const lines: string[] = [];
  for (const node of report.cluster.nodes.filter((n) => n.state !== 'read')) {
    const why = report.gaps.find((g) => g.node === node.name && g.what === 'node')?.why ?? 'no reason was given';
    lines.push(`${paint.warning('? not read')}  ${oneLine(node.name)}: ${oneLine(why)}`);
  }
  // What is not a node's: flannel's records, as far as the API server or etcd would not give them.
  const names = new Set(report.cluster.nodes.map((n) => n.name));
  for (const {node, what, why} of report.gaps.filter((g) => !names.has(g.node)))
    lines.push(`${paint.warning('? not read')}  ${oneLine(what)} of ${oneLine(node)}: ${oneLine(why)}`);
  const byNode = new Map<string, {rules: string[]; missing: Set<string>}>();
  for (const n of report.notEvaluated) {
    const held = byNode.get(n.node) ?? {rules: [], missing: new Set<string>()};
    held.rules.push(n.rule);
    for (const m of n.missing) held.missing.add(m);
    byNode.set(n.node, held);
  }
  for (const [node, {rules, missing}] of byNode) {
    lines.push(
      `${paint.warning('? not evaluated')}  ${oneLine(node)}: ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}, for want of ${oneLine([...missing].sort().join(', '))}`,
    );
    for (const gap of report.gaps.filter((g) => g.node === node && g.what !== 'node').slice(0, 5))
      lines.push(`    ${paint.dim(`${oneLine(gap.what)}: ${oneLine(gap.why)}`)}`);
  }
  return lines.length > 0 ? [...lines, ''] : [];
}

function verdict({cluster, summary, exit}: DoctorReport, paint: Theme): string {
  const count = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`;
  const looked = `${count(summary.rules, 'rule')} on ${count(summary.nodes, 'node')}`;
  const found = [
    ...(summary.errors > 0 ? [paint.error(count(summary.errors, 'error'))] : []),
    ...(summary.warnings > 0 ? [paint.warning(count(summary.warnings, 'warning'))] : []),
    ...(summary.infos > 0 ? [paint.info(count(summary.infos, 'note'))] : []),
  ];
  if (found.length > 0) return `${found.join(', ')}  ${paint.dim(`(${looked}; exit ${exit})`)}`;
  return exit === 0
    ? `${paint.good('✔ healthy')}  ${paint.dim(`(${looked})`)}`
    : `${paint.warning(cluster.nodes.every((n) => n.state === 'unreadable') ? '? nothing could be seen' : '? nothing wrong in what could be seen')}  ${paint.dim(`(${looked}; exit ${exit})`)}`;
}
