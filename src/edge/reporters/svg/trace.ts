import {oneLine} from '../../ui/escape.js';
import type {TraceReport} from '../documents.js';
import type {Render} from '../index.js';
import {type Column, type Direction, decided, ladder, packetText, type Rung, type Step, verdictText, watchedText} from '../ladder.js';
import {cut, fold, xml} from './text.js';

/** Pixels. A line of 12 px in a fixed-width font; a cell of it is 7.3 px wide in the widest of the fonts named. */
const [LINE, CELL, EDGE, PANEL, COLUMN] = [16, 7.3, 10, 480, 200];
/** Cells left of what a step says. */
const KIND = 12;

const colours = {ink: '#1f2328', dim: '#656d76', rule: '#afb8c1', good: '#1a7f37', bad: '#cf222e', doubt: '#9a6700', arrow: '#0969da'};
/** An arrival that rests on a hop nobody saw is no green one: its exit code is 3. */
const mood = ({verdict, certainty}: Direction): string =>
  verdict === 'broken' ? colours.bad : verdict === 'reachable' && certainty === 'observed' ? colours.good : colours.doubt;

/** Where things stand; `y` grows as the drawing does. */
interface Sheet {
  readonly width: number;
  readonly marks: string[];
  readonly x: (column: number) => number;
  y: number;
}

/** A ladder: one column a place, time from top to bottom, a panel at every hop with what decides there, a cross where it broke. */
export const trace: Render<TraceReport> = (report) => {
  const {columns, ways} = ladder(report);
  const width = Math.max(1000, columns.length * COLUMN);
  const sheet: Sheet = {width, marks: [], x: (column) => (width / columns.length) * (column + 0.5), y: 30};
  const title = `${report.from.name} → ${report.to.name}`;
  sheet.marks.push(text(EDGE, sheet.y, cut(oneLine(title), 70), {size: 16, weight: 'bold'}));
  sheet.marks.push(text(width - EDGE, sheet.y, packetText(report), {fill: colours.dim, anchor: 'end'}));
  sheet.y += 24;
  const top = sheet.y + 40;
  for (const [i, column] of columns.entries())
    sheet.marks.push(...header(sheet, i, column, Math.floor((width / columns.length - 30) / CELL)));
  sheet.y = top + 30;
  if (report.probe) {
    const {agrees, headline} = report.probe;
    const colour = agrees === false ? colours.bad : agrees === null ? colours.doubt : colours.good;
    banner(sheet, [headline], '#ffffff', colour);
    sheet.y += 14;
  }
  for (const [i, {direction, rungs}] of ways.entries())
    way(sheet, i === 0 ? 'there' : 'back', direction, rungs, (hop) => watchedText(report, i, hop));
  const bottom = sheet.y;
  if (ways.length === 1) sheet.marks.push(text(EDGE, sheet.y + 12, 'back: not walked, since nothing arrives', {fill: colours.dim}));
  const height = sheet.y + 24;
  const lines = columns.map((_, i) => path(`M${at(sheet.x(i))} ${top}V${bottom - 14}`, colours.rule, {dash: true}));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${fonts}" font-size="12">`,
    `<title>${xml(title)}</title>`,
    `<desc>${xml(ways.map(({direction: d}) => `${d.from} → ${d.to}: ${verdictText(d)}`).join('; '))}</desc>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...lines,
    ...sheet.marks,
    '</svg>',
  ].join('\n')}\n`;
};

/** Of the system: a drawing loads nothing. */
const fonts = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";

function header({x, y}: Sheet, i: number, column: Column, room: number): string[] {
  const name = cut(oneLine(column.kind === 'wire' ? 'wire' : `${column.kind} ${column.name}`), room);
  const below = column.at === null ? '' : cut(oneLine(`${column.kind === 'wire' ? 'to' : 'on'} ${column.at}`), room);
  const half = (room * CELL) / 2 + 8;
  return [
    box(x(i) - half, y, half * 2, 40, {fill: column.kind === 'wire' ? '#f6f8fa' : '#ddf4ff', line: colours.rule}),
    text(x(i), y + (below === '' ? 24 : 17), name, {weight: 'bold', anchor: 'middle'}),
    ...(below === '' ? [] : [text(x(i), y + 33, below, {fill: colours.dim, anchor: 'middle'})]),
  ];
}

type Watched = (hop: number) => ReturnType<typeof watchedText>;

function way(sheet: Sheet, name: string, direction: Direction, rungs: readonly Rung[], watched: Watched): void {
  const colour = mood(direction);
  banner(sheet, [`${name}: ${direction.from} → ${direction.to}`], '#f6f8fa', colours.ink);
  for (const [n, rung] of rungs.entries()) {
    const before = rungs[n - 1];
    if (before) arrow(sheet, before, rung);
    else sheet.y += 14;
    panel(sheet, rung, n === rungs.length - 1 ? colour : colours.rule, watched(rung.hop.number));
  }
  const last = rungs.at(-1);
  if (last) ending(sheet, last.column, direction);
  const {explained} = direction;
  const says = explained === null ? [] : [`doctor: ${explained.rule} on ${explained.node}: ${explained.message}`, explained.remedy.summary];
  const all = explained?.remedy.steps ?? [];
  const steps = all.slice(0, 6).map((step) => `${step.node}# ${step.run}`);
  if (all.length > 6) steps.push(`… ${all.length - 6} more commands (-o json has them all)`);
  banner(sheet, [verdictText(direction), ...says, ...steps], '#ffffff', colour);
  sheet.y += 14;
}

/** Lines over the whole width. */
function banner(sheet: Sheet, lines: readonly string[], fill: string, line: string): void {
  const room = Math.floor((sheet.width - 2 * EDGE - 20) / CELL);
  const folded = lines.flatMap((words, i) => fold(oneLine(words), room).map((part) => ({part, first: i === 0})));
  const height = folded.length * LINE + 10;
  sheet.marks.push(box(EDGE, sheet.y, sheet.width - 2 * EDGE, height, {fill, line}));
  for (const [i, {part, first}] of folded.entries())
    sheet.marks.push(text(EDGE + 10, sheet.y + 17 + i * LINE, part, first ? {weight: 'bold', fill: line} : {}));
  sheet.y += height;
}

function panel(sheet: Sheet, {hop, column}: Rung, line: string, wire: ReturnType<Watched>): void {
  const x = sheet.x(column);
  const left = Math.min(Math.max(EDGE, x - PANEL / 2), sheet.width - EDGE - PANEL);
  const rows = hop.steps.flatMap((step) => said(step));
  const fill = wire?.seen === false ? colours.bad : wire?.seen === null ? colours.doubt : colours.good;
  for (const [i, words] of fold(wire?.text ?? '', Math.floor((PANEL - 20) / CELL) - KIND).entries())
    if (words !== '') rows.push({kind: i === 0 ? 'wire' : '', words, fill});
  const height = rows.length * LINE + 20;
  sheet.marks.push(box(left, sheet.y, PANEL, height, {fill: '#ffffff', line}));
  for (const [i, {kind, words, fill}] of rows.entries()) {
    const y = sheet.y + 26 + i * LINE;
    if (kind !== '') sheet.marks.push(text(left + 10, y, kind, {fill: fill === colours.ink ? colours.dim : fill}));
    sheet.marks.push(text(left + 10 + KIND * CELL, y, words, {fill}));
  }
  sheet.marks.push(`<circle cx="${at(x)}" cy="${sheet.y}" r="10" fill="${line === colours.rule ? colours.arrow : line}"/>`);
  sheet.marks.push(text(x, sheet.y + 4, String(hop.number), {fill: '#ffffff', weight: 'bold', anchor: 'middle'}));
  sheet.y += height;
}

/** A step's lines: red where the packet ends, amber where nobody looked. */
function said(step: Step): {readonly kind: string; readonly words: string; readonly fill: string}[] {
  const room = Math.floor((PANEL - 20) / CELL) - KIND;
  const {text: what, rows} = decided(step);
  const unsure = step.certainty !== 'observed';
  const fill = step.end !== null ? (step.end === 'unknown' ? colours.doubt : colours.bad) : unsure ? colours.doubt : colours.ink;
  const words = fold(unsure && step.end === null ? `? ${what}` : what, room).map((part) => ({words: part, fill}));
  const more = rows.flatMap((row) => fold(row, room)).map((part) => ({words: part, fill: colours.dim}));
  return [...words, ...more].map((part, i) => ({kind: i === 0 ? step.kind : '', ...part}));
}

/** From the panel before to the next: thick inside a tunnel, with what it wears. */
function arrow(sheet: Sheet, before: Rung, after: Rung): void {
  const [from, to] = [sheet.x(before.column), sheet.x(after.column)];
  const tunnel = before.hop.steps.findLast((step) => step.kind === 'encapsulate');
  const dev = before.hop.steps.findLast((step) => step.dev !== null)?.dev;
  const label = tunnel?.text ?? (dev == null ? '' : `dev ${dev}`);
  const [start, mid, end] = [sheet.y, sheet.y + 26, sheet.y + 44];
  sheet.marks.push(path(`M${at(from)} ${start}V${mid}H${at(to)}V${end - 11}`, colours.arrow, {wide: tunnel !== undefined}));
  sheet.marks.push(`<path d="M${at(to - 5)} ${end - 19}h10l-5 9z" fill="${colours.arrow}"/>`);
  const words = cut(oneLine(label), Math.floor((to >= from ? sheet.width - from : from) / CELL) - 3);
  // Beside the stub that leaves the panel, so that it crosses no line of the arrow.
  const right = to >= from;
  sheet.marks.push(text(from + (right ? 8 : -8), mid - 6, words, {fill: colours.arrow, anchor: right ? 'start' : 'end', halo: true}));
  sheet.y = end;
}

/** Below the last panel, on its column: a tick, a cross or a question mark. */
function ending(sheet: Sheet, column: number, direction: Direction): void {
  const [{verdict}, colour] = [direction, mood(direction)];
  const x = sheet.x(column);
  const y = sheet.y + 22;
  sheet.marks.push(path(`M${at(x)} ${sheet.y}V${y - 12}`, colour, {wide: true}));
  sheet.marks.push(`<circle cx="${at(x)}" cy="${y}" r="12" fill="${colour}"/>`);
  if (verdict === 'unknown') sheet.marks.push(text(x, y + 5, '?', {fill: '#ffffff', weight: 'bold', anchor: 'middle', size: 15}));
  else {
    const line = verdict === 'broken' ? `M${at(x - 5)} ${y - 5}l10 10m0 -10l-10 10` : `M${at(x - 6)} ${y}l4 5l8 -9`;
    sheet.marks.push(path(line, '#ffffff', {wide: true}));
  }
  sheet.y = y + 22;
}

/** A coordinate, to a tenth of a pixel. */
const at = (pixels: number): string => String(Math.round(pixels * 10) / 10);

interface Type {
  readonly fill?: string;
  readonly weight?: 'bold';
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly size?: number;
  /** Readable over lines. */
  readonly halo?: boolean;
}

function text(x: number, y: number, words: string, {fill = colours.ink, weight, anchor, size, halo}: Type): string {
  const more = [
    weight && ` font-weight="${weight}"`,
    anchor && ` text-anchor="${anchor}"`,
    size !== undefined && ` font-size="${size}"`,
    halo && ' stroke="#ffffff" stroke-width="4" paint-order="stroke"',
  ];
  return `<text x="${at(x)}" y="${at(y)}" fill="${fill}"${more.filter(Boolean).join('')}>${xml(words)}</text>`;
}

const box = (x: number, y: number, width: number, height: number, {fill, line}: {fill: string; line: string}): string =>
  `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="5" fill="${fill}" stroke="${line}"/>`;

const path = (d: string, colour: string, {wide, dash}: {wide?: boolean; dash?: boolean}): string =>
  `<path d="${d}" fill="none" stroke="${colour}" stroke-width="${wide ? 3 : 1.5}"${dash ? ' stroke-dasharray="3 4"' : ''}/>`;
