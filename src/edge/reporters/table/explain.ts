import {printable} from '../../ui/escape.js';
import {type Theme, theme} from '../../ui/theme.js';
import type {ExplainReport} from '../documents.js';
import type {Render} from '../index.js';
import {wrap} from './doctor.js';

/** Markdown, as far as our own pages use it, for a terminal: headings, bold, lists, code. */
export const explain: Render<ExplainReport> = (report, {level, width}) => {
  const paint = theme(level);
  let fenced = false;
  const lines = report.text
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      if (line.startsWith('```')) {
        fenced = !fenced;
        return [];
      }
      return fenced ? [traced(printable(line), paint)] : block(line, paint, Math.min(width, 110));
    });
  return `${lines.join('\n')}\n`;
};

function block(line: string, paint: Theme, width: number): string[] {
  const heading = /^#+ (.*)$/.exec(line);
  if (heading) return [paint.strong(printable(heading[1]!))];
  if (/^( {4}|\|)/.test(line)) return [printable(line)];
  const item = /^(\s*(?:[-*]|\d+\.) )(.*)$/.exec(line);
  const [lead, text] = item ? [item[1]!.replace(/[-*](?= )/, '•'), item[2]!] : ['', line];
  if (text === '') return [''];
  return wrap(text, width - lead.length).map((part, i) => `${i === 0 ? lead : ' '.repeat(lead.length)}${inline(printable(part), paint)}`);
}

const inline = (text: string, paint: Theme): string =>
  text
    .replace(/\*\*(.+?)\*\*/g, (_, bold: string) => paint.strong(bold))
    .replace(/`([^`]+)`/g, (_, code: string) => paint.info(code))
    .replaceAll('**', '');

/** A drawing's lines stand back behind its words. */
const traced = (text: string, paint: Theme): string => text.replace(/[─│┌┐└┘├┤┬┴┼]+/g, (lines) => paint.dim(lines));
