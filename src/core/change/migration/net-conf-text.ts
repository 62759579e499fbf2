import {foldKeys} from '../../flannel/net-conf.js';

/**
 * net-conf.json with the Backend of `after`, and all else byte for byte as it was: other people's tools and comparisons know this text.
 * @returns undefined when the text is not one object of JSON, or has two Backends (flannel takes the last, readers of JSON may not)
 */
export function netConfText(text: string, after: unknown): string | undefined {
  const backend = foldKeys(after)['backend'];
  const found = members(text);
  if (found === undefined || backend === undefined) return undefined;
  const named = found.filter(({key}) => key.toLowerCase() === 'backend');
  if (named.length > 1) return undefined;
  const [old] = named;
  if (old === undefined) {
    const first = text.indexOf('{') + 1;
    return `${text.slice(0, first)}"Backend": ${flat(backend)}${found.length > 0 ? ', ' : ''}${text.slice(first)}`;
  }
  const lines = /\n/.test(text.slice(old.from, old.to));
  const margin = /(?:^|\n)([ \t]*)[^\n]*$/.exec(text.slice(0, old.from))?.[1] ?? '';
  const value = lines ? JSON.stringify(backend, null, margin === '' ? 2 : margin).replaceAll('\n', `\n${margin}`) : flat(backend);
  return `${text.slice(0, old.from)}${value}${text.slice(old.to)}`;
}

const flat = (value: unknown): string => JSON.stringify(value, null, 1).replaceAll(/\n */g, ' ');

interface Member {
  readonly key: string;
  /** Where its value begins, and the first place behind it. */
  readonly from: number;
  readonly to: number;
}

/** The members of the outermost object, as they stand in the text. */
function members(text: string): readonly Member[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  } catch {
    return undefined;
  }
  const found: Member[] = [];
  let depth = 0;
  let key: string | undefined;
  let from: number | undefined;
  // Strings, brackets, commas and colons: in valid JSON nothing else tells where a value ends.
  for (const {0: token, index} of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    if (depth === 1 && key === undefined && token.startsWith('"')) key = JSON.parse(token) as string;
    else if (depth === 1 && token === ':' && from === undefined) from = index + 1 + /^\s*/.exec(text.slice(index + 1))![0].length;
    if (depth === 1 && (token === ',' || token === '}') && key !== undefined && from !== undefined) {
      found.push({key, from, to: from + text.slice(from, index).trimEnd().length});
      key = undefined;
      from = undefined;
    }
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
  }
  return found;
}
