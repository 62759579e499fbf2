import {oneLine} from '../../ui/escape.js';
import {type Theme, theme} from '../../ui/theme.js';
import type {TraceReport} from '../documents.js';
import type {Render} from '../index.js';
import {surely} from '../ladder.js';
import {wrap} from './doctor.js';
import {headline, probeBlock, probeSummary, watched} from './probe.js';

type Direction = TraceReport['directions'][number];
type Step = Direction['hops'][number]['steps'][number];

/** Columns left of what a step says: hop number, and the word for what happens. */
const LEFT = 18;

/** A ladder: one block a direction, one paragraph a place, one line for what decides there. */
export const trace: Render<TraceReport> = (report, {level, width}) => {
  const paint = theme(level);
  const columns = Math.min(Math.max(width, 60), 100);
  const {packet} = report;
  const end = ({name, address, node}: TraceReport['from']) =>
    `${paint.strong(oneLine(name))}${[address === name ? null : address, node === name ? null : node].filter((t) => t !== null).length > 0 ? ` (${oneLine([address === name ? null : address, node === name ? null : node].filter((t) => t !== null).join(' on '))})` : ''}`;
  const what = `${packet.proto}${packet.port === null ? '' : ` port ${packet.port}`}, IPv${packet.family}, ${packet.size} bytes`;
  const out = [`${end(report.from)} → ${end(report.to)}  ${paint.dim(what)}`];
  if (report.probe) out.push(...headline(report.probe, paint, columns));
  for (const [i, direction] of report.directions.entries()) {
    out.push('', paint.strong(`${i === 0 ? 'there' : 'back'}: ${oneLine(direction.from)} → ${oneLine(direction.to)}`));
    for (const hop of direction.hops) {
      out.push(`${paint.info(String(hop.number).padStart(3))} ${paint.strong(oneLine(hop.place))}`);
      for (const step of hop.steps) out.push(...lines(step, paint, columns));
      out.push(...watched(report, i, hop.number, paint, columns));
    }
    out.push(...verdict(direction, paint, columns));
  }
  if (report.directions.length === 1) out.push('', paint.dim('back: not walked, since nothing arrives'));
  if (report.probe) out.push(...probeBlock(report, report.probe, paint, columns));
  out.push('', probeSummary(report, paint) ?? summary(report, paint));
  return `${out.join('\n')}\n`;
};

/** What decides is the row itself for rules and routes, else the sentence, with the row under it. */
function lines(step: Step, paint: Theme, columns: number): string[] {
  const rows = step.evidence.flatMap((e) => e.lines.map(oneLine));
  const rowSpeaks = step.end === null && (step.kind === 'route' || step.kind === 'rule') && rows.length > 0;
  const died = step.end !== null && step.end !== 'unknown';
  const mark = died
    ? paint.error('✖')
    : step.certainty === 'observed'
      ? ' '
      : step.certainty === 'declared'
        ? paint.info('≈')
        : paint.warning('?');
  const text = rowSpeaks ? rows[0]! : oneLine(step.text);
  const head = (word: string, lead: string) => `    ${lead} ${paint.dim(word.padEnd(LEFT - 6))}`;
  const body = wrap(text, columns - LEFT);
  const out = body.map((part, i) => `${head(i === 0 ? step.kind : '', i === 0 ? mark : ' ')}${died ? paint.error(part) : part}`);
  const shown =
    step.end !== null || ['neighbour', 'fdb', 'firewall', 'sysctl', 'nat', 'fabric'].includes(step.kind) ? [...rows, ...inside(step)] : [];
  if (!rowSpeaks) for (const line of shown) for (const part of wrap(line, columns - LEFT)) out.push(`${head('', ' ')}${paint.dim(part)}`);
  return out;
}

/** Of a way through a cloud's network: where what decides was read, what is thought to happen inside, and what would refute it. */
function inside({crossing, evidence}: Step): readonly string[] {
  if (!crossing) return [];
  const {decides, inferred, refutedBy, seen} = crossing;
  const read = evidence[0]?.command;
  return [
    decides.would
      ? 'no data of the cloud say so (--cloud-routes, --cloud-enis)'
      : `read in ${oneLine(read ?? crossing.source ?? 'what the cloud printed')}`,
    ...(seen === null ? [] : [oneLine(seen)]),
    ...inferred.map((text) => oneLine(`inside, inferred: ${text}`)),
    ...refutedBy.map((text) => oneLine(`refuted by: ${text}`)),
  ];
}

function verdict(direction: Direction, paint: Theme, columns: number): string[] {
  const out: string[] = [];
  if (direction.verdict === 'reachable') {
    const guess = surely(direction);
    const inferred = direction.certainty === 'inferred' || direction.certainty === 'unknown';
    out.push(`    ${paint.good('✔ arrives')}${inferred ? paint.warning(`${guess}: a hop marked ? is only inferred`) : guess}`);
  } else if (direction.verdict === 'unknown') {
    const [first = '', ...rest] = wrap(oneLine(`unknown from hop ${direction.hop} on: ${direction.because}`), columns - 6);
    out.push(`    ${paint.warning(`? ${first}`)}`, ...rest.map((l) => `      ${paint.warning(l)}`));
  } else {
    out.push(`    ${paint.error(`✖ broken at hop ${direction.hop}: ${oneLine(direction.disposition ?? '')}`)}`);
    // Which of several ways it is.
    const because = direction.because ?? '';
    if (because !== direction.hops.at(-1)?.steps.at(-1)?.text)
      out.push(...wrap(oneLine(because), columns - 6).map((l) => `      ${paint.error(l)}`));
  }
  if (direction.pathMtu !== null)
    out.push(`    ${paint.dim(`path MTU ${direction.pathMtu}: the largest IP packet that gets through whole`)}`);
  const {explained} = direction;
  if (explained) {
    const field = (name: string, text: string) =>
      wrap(oneLine(text), columns - 13).map((l, i) => `    ${paint.dim((i === 0 ? name : '').padEnd(9))}${l}`);
    out.push(...field('doctor', `${explained.rule} on ${explained.node}: ${explained.message}`));
    out.push(...field('remedy', explained.remedy.summary));
    for (const step of explained.remedy.steps.slice(0, 6))
      out.push(`             ${paint.dim(`${oneLine(step.node)}#`)} ${oneLine(step.run)}`);
    if (explained.remedy.steps.length > 6)
      out.push(`             ${paint.dim(`… ${explained.remedy.steps.length - 6} more commands (-o json has them all)`)}`);
    out.push(`    ${paint.dim(`flanctl explain ${explained.rule}`)}`);
  }
  return out;
}

function summary({directions, exit}: TraceReport, paint: Theme): string {
  const kinds = directions.map((d) => d.verdict);
  if (kinds.includes('broken')) return `${paint.error('✖ broken')}  ${paint.dim(`(exit ${exit})`)}`;
  if (kinds.includes('unknown')) return `${paint.warning('? unknown')}  ${paint.dim(`(exit ${exit})`)}`;
  if (exit === 0 && directions.some((d) => d.certainty === 'declared'))
    return `${paint.good('✔ reachable both ways, as the cloud declares')}`;
  return exit === 0
    ? `${paint.good('✔ reachable both ways')}`
    : `${paint.warning('✔ reachable both ways, if the fabric does its part')}  ${paint.dim(`(exit ${exit}; --assume-fabric accepts it)`)}`;
}
