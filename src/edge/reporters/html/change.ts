import type {ChangeReport} from '../documents.js';
import type {Render} from '../index.js';
import {duration, type FlowDocument, type LedgerDocument, outcomeOf, stageAt, troubled, unmeasured, verdictOf} from '../ledger-facts.js';
import {xml} from '../svg/text.js';
import {style} from './style.js';

/** Nodes up to which a matrix is drawn. */
const MATRIX = 40;

/** Flows that are listed one by one. */
const SHOWN = 200;

/** One page that needs nothing else: no script, no font, no picture from elsewhere. Every word from a node is escaped. */
export const change: Render<ChangeReport> = (report) => {
  const outcome = outcomeOf(report);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${xml(report.title)}</title>
<style>
${style}</style>
</head>
<body>
<header>
<h1>${xml(report.title)}</h1>
<p class="verdict ${outcome.is}">${xml(outcome.says)}</p>
<dl>
${fact('Change', report.id ?? 'none was begun')}
${fact('By', report.operator)}
${fact('Began', report.since)}
${report.id === null ? '' : fact('Took', duration(report.seconds))}
${fact('Nodes', String(report.nodes.length))}
</dl>
</header>
${bullets('Why', report.because)}
${bullets('Said before it began', report.warnings)}
${stages(report)}
${report.ledger ? ledger(report, report.ledger) : ''}
${bullets(
  'Left as it is',
  report.left.map(({node, what, why}) => `${node}: ${what}: ${why}`),
)}
</body>
</html>
`;
};

const fact = (name: string, value: string): string => `<div><dt>${xml(name)}</dt><dd>${xml(value)}</dd></div>`;

const bullets = (title: string, lines: readonly string[]): string =>
  lines.length === 0
    ? ''
    : `<section>\n<h2>${xml(title)}</h2>\n<ul>\n${lines.map((l) => `<li>${xml(l)}</li>`).join('\n')}\n</ul>\n</section>`;

const table = (head: readonly string[], rows: readonly (readonly string[])[], numbers: readonly number[]): string => {
  const kind = (i: number): string => (numbers.includes(i) ? ' class="n"' : '');
  return `<div class="wide"><table>
<thead><tr>${head.map((h, i) => `<th${kind(i)}>${h}</th>`).join('')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${row.map((cell, i) => `<td${kind(i)}>${cell}</td>`).join('')}</tr>`).join('\n')}
</tbody>
</table></div>`;
};

/** A bar for each stage on the change's own time line. */
function stages(report: ChangeReport): string {
  if (report.stages.length === 0) return '';
  const began = Date.parse(report.since);
  const whole = Math.max(report.seconds, 0.001);
  const rows = report.stages.map((stage) => {
    const from = stage.at === null ? undefined : (100 * (Date.parse(stage.at) - began)) / 1000 / whole;
    const left = Math.min(Math.max(from ?? 0, 0), 100);
    const wide = Math.min(Math.max((100 * (stage.seconds ?? 0)) / whole, 0.5), 100 - left);
    const bar =
      from === undefined ? '' : `<span class="bar ${stage.phase}" style="left:${left.toFixed(2)}%;width:${wide.toFixed(2)}%"></span>`;
    return [
      xml(stage.title),
      `<span class="state ${stage.state}">${stage.state.replaceAll('-', ' ')}</span>`,
      String(stage.nodes.length),
      stage.operations === null ? '' : String(stage.operations),
      stage.seconds === null ? '' : duration(stage.seconds),
      `<span class="line">${bar}</span>`,
    ];
  });
  const head = ['Stage', '', 'Nodes', 'Operations', 'Took', 'When'];
  return `<section>\n<h2>Stages</h2>\n${table(head, rows, [2, 3, 4])}\n</section>`;
}

function ledger(report: ChangeReport, document: LedgerDocument): string {
  const {total, interval, flows, notMeasured} = document;
  const bad = troubled(document);
  const is = total.lost + total.reordered + total.duplicated > 0 ? 'bad' : notMeasured.length > 0 || flows.length === 0 ? 'mild' : 'good';
  const rows = bad.slice(0, SHOWN).map((flow) => {
    const [worst] = flow.gaps;
    return [
      xml(flow.from),
      xml(flow.to),
      `IPv${flow.family}`,
      ...[flow.sent, flow.lost, flow.reordered, flow.duplicated].map(String),
      worst === undefined ? '' : `${worst.lost} in ${duration(worst.seconds)}`,
      worst === undefined ? '' : xml(stageAt(report, worst) ?? 'before the first stage'),
    ];
  });
  const head = ['From', 'To', '', 'Sent', 'Lost', 'Reordered', 'Twice', 'Longest gap', 'During'];
  return `<section>
<h2>Loss ledger</h2>
<p class="verdict ${is}">${xml(verdictOf(document))}</p>
<p class="note">${Math.round(1 / interval)} echoes a second for each ordered pair of nodes, from pod to pod and back; what is lost on either way counts.</p>
${([4, 6] as const).map((family) => matrix(document, family)).join('\n')}
${bad.length === 0 ? '' : table(head, rows, [3, 4, 5, 6])}
${bad.length > SHOWN ? `<p class="note">and ${bad.length - SHOWN} more flows: -o json has them all</p>` : ''}
${unmeasured(document)
  .map(([why, count]) => `<p class="note">${count} flows were not measured: ${xml(why)}</p>`)
  .join('\n')}
</section>`;
}

/** Rows send, columns answer. */
function matrix(document: LedgerDocument, family: 4 | 6): string {
  const flows = document.flows.filter((f) => f.family === family);
  const not = document.notMeasured.filter((f) => f.family === family);
  const names = [...new Set([...flows, ...not].flatMap((f) => [f.from, f.to]))].toSorted((a, b) =>
    a.localeCompare(b, 'en', {numeric: true}),
  );
  if (names.length === 0 || names.length > MATRIX) return '';
  const at = new Map(flows.map((f) => [`${f.from}\n${f.to}`, f]));
  const unknown = new Set(not.map((f) => `${f.from}\n${f.to}`));
  const row = (from: string): string => {
    const tds = names.map((to) => cell(from === to, at.get(`${from}\n${to}`), unknown.has(`${from}\n${to}`), `${from} to ${to}`));
    return `<tr><th>${xml(from)}</th>${tds.join('')}</tr>`;
  };
  return `<div class="wide"><table class="matrix">
<caption>IPv${family}: lost, from row to column</caption>
<thead><tr><th></th>${names.map((n) => `<th>${xml(n)}</th>`).join('')}</tr></thead>
<tbody>
${names.map(row).join('\n')}
</tbody>
</table></div>`;
}

function cell(own: boolean, flow: FlowDocument | undefined, unknown: boolean, name: string): string {
  if (own) return '<td class="own"></td>';
  if (flow === undefined)
    return `<td class="none" title="${xml(name)}: ${unknown ? 'not measured' : 'not in the sample'}">${unknown ? '?' : '·'}</td>`;
  const is = flow.lost > 0 ? 'lost' : flow.reordered + flow.duplicated > 0 ? 'late' : 'whole';
  const title = `${name}: ${flow.lost} of ${flow.sent} lost, ${flow.reordered} reordered, ${flow.duplicated} twice`;
  return `<td class="${is}" title="${xml(title)}">${flow.lost}</td>`;
}
