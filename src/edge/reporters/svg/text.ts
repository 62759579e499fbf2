import {oneLine} from '../../ui/escape.js';

const entities: {readonly [sign: string]: string} = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'};

/** Words of nodes as XML text or attribute: one line, nothing that steers, nothing that XML forbids (U+FFFE and U+FFFF too). */
export const xml = (words: string): string =>
  oneLine(words)
    .replace(/[\ufffe\uffff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16)}`)
    .replace(/[&<>"']/g, (sign) => entities[sign]!);

/** Cells of a fixed-width font: East Asian signs and pictures take two, combining marks none. */
export function cells(words: string): number {
  let sum = 0;
  for (const sign of words) sum += /\p{M}/u.test(sign) ? 0 : sign.codePointAt(0)! >= 0x11_00 && !/[\u2000-\u2bff]/.test(sign) ? 2 : 1;
  return sum;
}

/** Lines of at most `width` cells: broken at blanks, words that are too long anywhere. */
export function fold(words: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (cells(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = '';
    for (const sign of word) {
      if (cells(line + sign) > width) {
        lines.push(line);
        line = '';
      }
      line += sign;
    }
  }
  return [...lines, line];
}

/** At most `width` cells; an ellipsis says that there was more. */
export function cut(words: string, width: number): string {
  const [first = '', ...more] = fold(words.replaceAll(' ', '\u00a0'), width);
  const shown = more.length === 0 ? first : `${[...first].slice(0, -1).join('')}…`;
  return shown.replaceAll('\u00a0', ' ');
}
