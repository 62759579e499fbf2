export interface Word {
  readonly text: string;
  /** It stood in quotes, so it is a value even when it looks like an option. */
  readonly quoted: boolean;
}

/**
 * Splits a line as iptables-save prints it: words between blanks, values with other characters in double quotes, in which a backslash
 * precedes `"`, `'` and `\` (xtables_save_string). Undefined when a quote is not closed.
 */
export function splitWords(line: string): readonly Word[] | undefined {
  const words: Word[] = [];
  let at = 0;
  while (at < line.length) {
    if (line[at] === ' ' || line[at] === '\t') {
      at++;
      continue;
    }
    let text = '';
    let quoted = false;
    while (at < line.length && line[at] !== ' ' && line[at] !== '\t') {
      if (line[at] !== '"') {
        text += line[at++];
        continue;
      }
      quoted = true;
      at++;
      while (at < line.length && line[at] !== '"') {
        if (line[at] === '\\' && at + 1 < line.length) at++;
        text += line[at++];
      }
      if (at >= line.length) return undefined;
      at++;
    }
    words.push({text, quoted});
  }
  return words;
}
