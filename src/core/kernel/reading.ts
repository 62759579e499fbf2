import {type Command, promptOf, readCommand} from './prompt.js';
import type {Origin, ParseContext, Parsed, ParseProblem} from './table.js';

/** A row while it is being read. */
export type Draft<Row> = {-readonly [K in keyof Row]: Row[K]};

export type JsonObject = {readonly [name: string]: unknown};

/** Where in the output something stands, and which command's filters hold there. */
export interface Place {
  readonly command: Command;
  /** 1-based line or element. */
  readonly line: number;
  readonly raw: unknown;
}

/** Collects what a parser finds. */
export class Sink<Row> {
  readonly rows: Row[] = [];
  readonly problems: ParseProblem[] = [];

  problem(why: string, at: Place): void {
    const text = typeof at.raw === 'string' ? at.raw : (JSON.stringify(at.raw) ?? '');
    this.problems.push({command: at.command.text, line: at.line, text: text.length > 500 ? `${text.slice(0, 500)}…` : text, why});
  }
}

export interface Reader<Row> {
  /** The objects of `prompt.ts` this table reads; what other commands printed in the same paste is passed over. */
  readonly objects: readonly string[];
  element(element: JsonObject, at: Place, sink: Sink<Row>): void;
  /** Makes a reader of lines; it may remember the row that following lines continue. */
  lines(sink: Sink<Row>): (text: string, at: Place) => void;
}

/** A table whose every element, and every line, is one row; either reader gives the row, or why there is none. */
export function oneByOne<Row>(
  objects: readonly string[],
  readElement: (element: JsonObject, at: Place) => Row | string,
  readLine: (line: string, at: Place) => Row | string,
): Reader<Row> {
  const take = (row: Row | string, at: Place, sink: Sink<Row>): void => {
    if (typeof row === 'string') sink.problem(row, at);
    else sink.rows.push(row);
  };
  return {
    objects,
    element: (element, at, sink) => take(readElement(element, at), at, sink),
    lines: (sink) => (line, at) => take(readLine(line, at), at, sink),
  };
}

export const originOf = (at: Place): Origin => ({command: at.command.text, line: at.line, raw: at.raw});

/** Reads JSON or text, whichever it is, and never throws: what cannot be understood becomes a problem. */
export function read<Row>(output: string, context: ParseContext, reader: Reader<Row>): Parsed<Row> {
  const sink = new Sink<Row>();
  const given = readCommand(context.command);
  const command: Command = context.family === undefined || given.family !== undefined ? given : {...given, family: context.family};
  if (looksLikeJson(output)) readJson(output, command, reader, sink);
  else readText(output, command, reader, sink);
  return sink;
}

/** `[root@node ~]#` also starts with a bracket: an array must go on with an object, an array's end or nothing. */
export const looksLikeJson = (output: string): boolean => /^\s*(?:\{|\[\s*(?:[{\]]|$))/.test(output);

function readJson<Row>(output: string, command: Command, reader: Reader<Row>, sink: Sink<Row>): void {
  const {elements, why} = parseElements(output);
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i];
    const at: Place = {command, line: i + 1, raw: element};
    if (!isObject(element)) sink.problem('not a JSON object', at);
    else if (!isEmpty(element)) reader.element(element, at, sink);
  }
  if (why !== undefined) sink.problem(why, {command, line: elements.length + 1, raw: output.trim().slice(-200)});
}

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `ip -j` prints `{}` for rows that its own filter dropped. */
function isEmpty(object: JsonObject): boolean {
  for (const _ in object) return false;
  return true;
}

function parseElements(output: string): {elements: readonly unknown[]; why?: string} {
  const direct = tryJson(renameEncapDst(output));
  if (direct !== undefined) return {elements: Array.isArray(direct) ? direct : [direct]};
  if (output.trim() === '[') return {elements: [], why: 'the output ends after "[": iproute2 prints this for a table that does not exist'};
  // iproute2 4.17 to 4.20 forget the key: {"local","dst":"127.0.0.1",…}
  const repaired = renameEncapDst(output).replace(/([[,]\s*\{\s*)("[a-z]+")(\s*,\s*"dst"\s*:)/g, '$1"type":$2$3');
  const second = tryJson(repaired);
  if (second !== undefined) return {elements: Array.isArray(second) ? second : [second]};
  return {elements: wholeObjects(repaired), why: 'the JSON is cut off or invalid; the complete elements before that were read'};
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `encap` prints its own `dst` beside the route's: the second of two equal keys would win in JSON.parse (iproute2 6.1, lib lwtunnel). */
const renameEncapDst = (output: string): string =>
  output.includes('"encap"') ? output.replace(/("encap":\s*"[^"]*"[^{}]*?)"dst":/g, '$1"encap_dst":') : output;

/** The complete objects at the top level of an array that does not end properly. */
function wholeObjects(text: string): readonly unknown[] {
  const found: unknown[] = [];
  let depth = 0;
  let start = -1;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{' && depth++ === 0) start = i;
    else if (c === '}' && depth > 0 && --depth === 0) {
      const element = tryJson(text.slice(start, i + 1));
      if (element !== undefined) found.push(element);
    }
  }
  return found;
}

function readText<Row>(output: string, given: Command, reader: Reader<Row>, sink: Sink<Row>): void {
  let command = given;
  let take = reader.lines(sink);
  let ours = true;
  const lines = output.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const raw = (lines[i] ?? '').trimEnd();
    if (raw === '') continue;
    const prompt = promptOf(raw);
    if (prompt !== undefined) {
      ours = prompt.object === undefined || reader.objects.includes(prompt.object);
      command = prompt.family === undefined && given.family !== undefined ? {...prompt, family: given.family} : prompt;
      take = reader.lines(sink);
      const rest = lines.slice(i + 1).join('\n');
      if (ours && looksLikeJson(rest)) {
        readJson(rest, command, reader, sink);
        return;
      }
    } else if (ours) {
      const at: Place = {command, line: i + 1, raw};
      // `ip -o` writes a backslash where the line would break.
      for (const part of clean(raw).split(/\\(?=\s|$)/)) if (part.trim() !== '') take(part, at);
    }
  }
}

/** Takes off what a terminal (`ip -c`) or a web page (a ` /` at the end, a footnote mark) added. */
function clean(line: string): string {
  const plain = line.includes('\u001b') ? line.replace(/\u001b\[[0-9;]*m/g, '') : line;
  return plain.replace(/(?:[¹²³⁰⁴-⁹]+|\s\/)$/u, '').trimEnd();
}

/** The words of a line, in order, with a place to stand. */
export class Words {
  private readonly words: readonly string[];
  private at = 0;

  constructor(line: string) {
    this.words = line.trim().split(/\s+/);
  }

  /** The next word, taken; undefined at the end. */
  next(): string | undefined {
    return this.words[this.at++];
  }

  /** The next word, left where it is. */
  peek(): string | undefined {
    return this.words[this.at];
  }

  get done(): boolean {
    return this.at >= this.words.length;
  }
}

/** A number from JSON or text; undefined for anything else. */
export function numberIn(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^(?:\d+|0x[0-9a-f]+)$/i.test(value) ? Number(value) : undefined;
}

/** A word from JSON, where older versions print a number for what newer ones name. */
export const wordIn = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;

export const wordsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((word): word is string => typeof word === 'string') : [];

/** Attributes without a name of their own; a row that has none has no `extra`. */
export function withExtra<Row extends {extra?: JsonObject}>(row: Row, extra: JsonObject): Row {
  if (!isEmpty(extra)) row.extra = extra;
  return row;
}
