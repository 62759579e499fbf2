import {oneLine} from '../../ui/escape.js';
import type {TraceReport} from '../documents.js';
import type {Render} from '../index.js';
import {type Column, decided, ladder, packetText, type Rung, verdictText, watchedText} from '../ladder.js';

/**
 * Words of nodes inside Mermaid: all but letters, digits and a few harmless signs become entity codes (`#60;`), so that nothing ends a
 * statement, opens a tag, a comment or a directive. Mermaid also rewrites lines with `style` or `classDef` before it parses them, and
 * keeps entities in ﬂ°…¶ß meanwhile.
 */
const text = (words: string): string =>
  oneLine(words)
    .replace(/[^\p{L}\p{M}\p{N} .,:/_=()@→-]|[ßﬂ]/gu, (sign) => `#${sign.codePointAt(0)};`)
    .replace(/s(?=tyle)|c(?=lassDef)/g, (letter) => `#${letter.codePointAt(0)};`);

/** A sequence diagram: one participant a place, one note a hop, one arrow from hop to hop. */
export const trace: Render<TraceReport> = (report) => {
  const {columns, ways} = ladder(report);
  const out = ['sequenceDiagram', ...columns.map((column, i) => `  participant p${i} as ${title(column)}`)];
  for (const [i, {direction, rungs}] of ways.entries()) {
    const span = columns.length > 1 ? `p0,p${columns.length - 1}` : 'p0';
    const head = `${i === 0 ? 'there' : 'back'}: ${direction.from} → ${direction.to}${i === 0 ? `, ${packetText(report)}` : ''}`;
    out.push(`  Note over ${span}: ${text(head)}`);
    for (const [n, rung] of rungs.entries()) {
      const before = rungs[n - 1];
      if (before) out.push(`  ${arrow(before, rung)}`);
      const broken = direction.verdict === 'broken' && n === rungs.length - 1;
      const note = `Note over p${rung.column}: ${[...said(rung), ...onWire(report, i, rung)].join('<br/>')}`;
      out.push(...(broken ? ['  rect rgb(255, 215, 215)', `    ${note}`, '  end'] : [`  ${note}`]));
    }
    const mark = {reachable: '✔', broken: '✖', unknown: '?'}[direction.verdict];
    const end = [`${mark} ${text(verdictText(direction))}`];
    if (direction.explained) end.push(text(`doctor: ${direction.explained.rule} on ${direction.explained.node}`));
    out.push(`  Note over ${span}: ${end.join('<br/>')}`);
  }
  if (report.probe) {
    const mark = report.probe.agrees === false ? '✖' : report.probe.agrees === null ? '?' : '✔';
    out.push(`  Note over ${columns.length > 1 ? `p0,p${columns.length - 1}` : 'p0'}: ${mark} ${text(report.probe.headline)}`);
  }
  return `${out.join('\n')}\n`;
};

const onWire = (report: TraceReport, direction: number, {hop}: Rung): string[] => {
  const at = watchedText(report, direction, hop.number);
  return at ? [text(`wire: ${at.text}`)] : [];
};

const title = ({kind, name, at}: Column): string =>
  kind === 'wire'
    ? `wire${at === null ? '' : `<br/>${text(`to ${at}`)}`}`
    : `${kind} ${text(name)}${at === null ? '' : `<br/>${text(`on ${at}`)}`}`;

function said({hop}: Rung): string[] {
  const lines = hop.steps.flatMap((step) => {
    const {text: what, rows} = decided(step);
    const mark = step.end !== null && step.end !== 'unknown' ? '✖ ' : step.certainty === 'observed' ? '' : '? ';
    return [`${mark}${text(`${step.kind}: ${what}`)}`, ...rows.map(text)];
  });
  return [`hop ${hop.number}`, ...lines];
}

/** Inside a tunnel the arrow is dotted and says which. */
function arrow(before: Rung, after: Rung): string {
  const tunnel = before.hop.steps.findLast((step) => step.kind === 'encapsulate');
  const dev = before.hop.steps.findLast((step) => step.dev !== null)?.dev;
  const lost = after.hop.steps.some((step) => step.end !== null && step.end !== 'unknown') && after.hop.steps.length === 1;
  const line = lost ? (tunnel ? '--x' : '-x') : tunnel ? '-->>' : '->>';
  return `p${before.column}${line}p${after.column}: ${tunnel ? text(tunnel.text) : dev == null ? 'on' : text(`dev ${dev}`)}`;
}
