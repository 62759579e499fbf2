/**
 * Text that came from a node is data: control characters (escape sequences, carriage returns), bidirectional overrides and invisible
 * separators are written as `\xNN`/`\uNNNN`, so that no name or error message can paint, hide or move what an operator reads.
 */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (char) => (char.charCodeAt(0) < 256 ? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}` : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** One line: line breaks and tabs too are escaped. */
export const oneLine = (text: string): string => printable(text).replaceAll('\n', '\\n').replaceAll('\t', ' ');
