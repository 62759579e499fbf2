import {oneLine} from '../../ui/escape.js';
import type {Theme} from '../../ui/theme.js';
import type {TraceReport} from '../documents.js';
import {strayText, watchedText} from '../ladder.js';
import {wrap} from './doctor.js';

type Probe = NonNullable<TraceReport['probe']>;
type Packet = Probe['packets'][number];

/** What real packets say, above everything: where tables and wire part, that is the news. */
export function headline({agrees, headline: text}: Probe, paint: Theme, columns: number): string[] {
  const colour = agrees === false ? paint.error : agrees === null ? paint.warning : paint.good;
  const mark = agrees === false ? '✖' : agrees === null ? '?' : '✔';
  return wrap(oneLine(text), columns - 2).map((line, i) => colour(`${i === 0 ? mark : ' '} ${line}`));
}

/** Under a hop: at which of its devices the packet was seen. */
export function watched(report: TraceReport, direction: number, hop: number, paint: Theme, columns: number): string[] {
  const at = watchedText(report, direction, hop);
  if (!at) return [];
  const colour = at.seen === false ? paint.error : at.seen === null ? paint.warning : paint.good;
  return wrap(at.text, columns - 18).map((line, i) => `      ${paint.dim((i === 0 ? 'wire' : '').padEnd(12))}${colour(line)}`);
}

/** What each packet met, why the two may differ, and what nobody could see. */
export function probeBlock(report: TraceReport, probe: Probe, paint: Theme, columns: number): string[] {
  const out = ['', paint.strong('on the wire')];
  for (const packet of probe.packets) {
    const mark = packet.agrees === false ? paint.error('✖') : packet.agrees === null ? paint.warning('?') : paint.good('✔');
    const [first = '', ...rest] = wrap(packetText(packet), columns - 24);
    out.push(
      `  ${mark} ${packet.name.padEnd(8)}${`${packet.size} bytes`.padEnd(12)}${first}`,
      ...rest.map((line) => `${' '.repeat(24)}${line}`),
    );
  }
  const stray = strayText(report);
  const say = (lead: string, text: string): number =>
    out.push(...wrap(oneLine(text), columns - 4).map((line, i) => `  ${i === 0 ? paint.dim(lead) : ' '} ${line}`));
  if (stray !== undefined) say('!', stray);
  for (const hint of probe.hints) say('→', hint);
  for (const gap of probe.gaps) say('?', `${gap.node}, ${gap.what}: ${gap.why}`);
  if (probe.pcap !== null) say('·', `all that was seen: ${probe.pcap}`);
  return out;
}

function packetText({there, back, answer, said, died}: Packet): string {
  const way = (name: string, {predicted, measured}: {readonly predicted: string | null; readonly measured: string | null}): string =>
    predicted === measured
      ? `${name} ${measured}`
      : `${name} ${measured ?? 'nothing to compare'}, by the tables ${predicted ?? 'nothing comes back'}`;
  const place = (p: {readonly node: string; readonly pod: string | null; readonly dev: string}): string => `${p.dev} of ${p.pod ?? p.node}`;
  const where = died
    ? [died.after ? `last seen at ${place(died.after)}` : 'seen nowhere', ...(died.before ? [`not at ${place(died.before)}`] : [])]
    : [];
  // That a way is lost is the answer: the word alone would only say it again.
  const told = said === null && [there, back].some((w) => w?.measured === answer) ? [] : [said === null ? answer : `${answer}: ${said}`];
  const words = [way('there', there), ...(back ? [way('back', back)] : []), ...where, ...told];
  return oneLine(words.join('; '));
}

/** The last line, where packets were sent. */
export function probeSummary({exit, probe}: TraceReport, paint: Theme): string | undefined {
  if (!probe) return undefined;
  const code = exit === 0 ? '' : `  ${paint.dim(`(exit ${exit})`)}`;
  if (exit === 1) return `${paint.error('✖ broken')}${code}`;
  if (exit === 0) return paint.good('✔ reachable both ways, on the wire too');
  return `${paint.warning(probe.agrees === false ? '? it arrives, and the tables do not say how' : '? not certain')}${code}`;
}
