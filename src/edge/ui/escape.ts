/** Controls, format characters (bidirectional overrides, invisible and joining ones, tags), line separators, lone surrogates. */
const steering = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Nearly all text is plain, and a table may have a hundred thousand cells. */
const plain = /^[\x20-\x7e\t\n]*$/;

function escaped(char: string): string {
  const code = char.codePointAt(0)!;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x1_0000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * Text that came from a node is data: control characters (escape sequences, carriage returns), bidirectional overrides and invisible
 * separators are written as `\xNN`/`\uNNNN`, so that no name or error message can paint, hide or move what an operator reads.
 */
export const printable = (text: string): string => (plain.test(text) ? text : text.replace(steering, escaped));

/** One line: line breaks and tabs too are escaped. */
export const oneLine = (text: string): string => printable(text).replaceAll('\n', '\\n').replaceAll('\t', ' ');

/** JSON means the same with such characters written as JSON writes them. */
export const printableJson = (json: string): string =>
  json.replace(steering, (char) =>
    Array.from({length: char.length}, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );
