import {execFileSync, spawnSync} from 'node:child_process';
import {copyFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import fc from 'fast-check';
import {beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {TraceReport} from '../../src/edge/reporters/documents.js';
import {print} from '../../src/edge/reporters/index.js';
import {cells, cut, fold} from '../../src/edge/reporters/svg/text.js';
import {loadBase} from '../bases/bases.js';
import {edited, workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

/** The drawings of a trace. Look at a golden that changed before you take it: `rsvg-convert`, a browser. */
const work = workFolder();
const golden = (name: string): string => join(import.meta.dirname, 'goldens', name);
const run = (args: readonly string[]) => flanctl(['trace', ...args], {XDG_CONFIG_HOME: work.at}, work.at);

beforeAll(async () => {
  copyFileSync(join(import.meta.dirname, '../bases/vxlan.ndjson'), work.file('healthy'));
  await work.snapshot(
    'broken',
    await edited('vxlan', ['n1', 'bridge-fdb', (out) => out.replace('dst 192.168.77.12', 'dst 192.168.77.99')]),
  );
});

test.each([
  ['healthy', 0],
  ['broken', 1],
] as const)('%s', async (name, exit) => {
  for (const form of ['mermaid', 'svg']) {
    const ran = await run(['n1-p1', 'n2-p1', '--snapshot', name, '-o', form]);
    expect([ran.code, ran.stderr]).toEqual([exit, '']);
    await expect(ran.stdout).toMatchFileSnapshot(golden(`trace-${name}.${form === 'svg' ? 'svg' : 'mmd'}`));
  }
});

test('a place a column, also those that no packet came to; the outside is beyond the wire', async () => {
  const participants = async (args: readonly string[]) =>
    [...(await run([...args, '-o', 'mermaid'])).stdout.matchAll(/participant p\d+ as (.*)/g)].map((m) => m[1]);
  const five = ['pod n1-p1<br/>on n1', 'node n1', 'wire', 'node n2', 'pod n2-p1<br/>on n2'];
  expect(await participants(['n1-p1', 'n2-p1', '--snapshot', 'healthy'])).toEqual(five);
  expect(await participants(['n1-p1', 'n2-p1', '--snapshot', 'broken'])).toEqual(five);
  expect(await participants(['n1-p1', 'n1', '--snapshot', 'healthy'])).toEqual(five.slice(0, 2));
  expect(await participants(['n1-p1', '203.0.113.1', '--snapshot', 'healthy'])).toEqual([...five.slice(0, 2), 'wire<br/>to 203.0.113.1']);
});

test('forms of one kind are no forms of another', async () => {
  expect((await flanctl(['doctor', '--snapshot', work.file('healthy'), '-o', 'svg'])).code).toBe(2);
  await expect(print('LabListReport', {labs: []}, 'svg', {level: 0, width: 100})).rejects.toThrow('LabListReport has no svg form');
});

describe('hostile names', () => {
  const node = 'n1"/><script>alert(1)</script>\n  p0->>p1: owned %%{init: {}}%% style x:#1;\u202e\u001b[2J\ufffe ]]>&amp; #60; end';
  const device = `e<b>#;"'&-->%%`;
  const pod = '</text><image href="//evil"/>;participant p9 as owned\n```\nﬂ°lt¶ß classDef a:#b;';

  const hostile = async (): Promise<TraceReport> => {
    const renamed = (dump: NodeDump): NodeDump =>
      dump.node === 'n1' ? {...dump, node, sections: dump.sections.map((s) => ({...s, out: s.out.replaceAll('eth0', device)}))} : dump;
    await work.snapshot('hostile', (await loadBase('vxlan')).map(renamed));
    const {stdout} = await run(['n1-p1', 'n2-p1', '--snapshot', 'hostile', '-o', 'json']);
    const {
      apiVersion: _,
      kind: __,
      ...report
    } = JSON.parse(stdout.replaceAll('n1-p1', JSON.stringify(pod).slice(1, -1))) as TraceReport & {
      apiVersion: string;
      kind: string;
    };
    return report;
  };
  const paper = {level: 0, width: 100} as const;

  test('stay text in an SVG', async () => {
    const report = await hostile();
    expect(JSON.stringify(report)).toContain(JSON.stringify(device).slice(1, -1));
    const svg = await print('TraceReport', report, 'svg', paper);
    expect(svg).not.toMatch(/(?![\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffe\uffff]/u);
    // Only our own elements, and nothing that is fetched.
    const names = new Set([...svg.matchAll(/<\/?([^\s/>]+)/g)].map((m) => m[1]));
    expect([...names].sort()).toEqual(['circle', 'desc', 'path', 'rect', 'svg', 'text', 'title']);
    expect(svg).not.toMatch(/<[^>]*\s(href|src|style|on\w+)=/);
    expect(svg.replaceAll(/&(amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
    expect(svg).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    for (const line of svg.split('\n').slice(1, -2)) expect(line).toMatch(/^<(\w+)[^<>]*(\/>|>[^<>]*<\/\1>)$/);
    writeFileSync(work.file('hostile.svg'), svg);
    if (spawnSync('xmllint', ['--version']).error === undefined) execFileSync('xmllint', ['--noout', work.file('hostile.svg')]);
  });

  test('stay text in Mermaid', async () => {
    const report = await hostile();
    const lines = (await print('TraceReport', report, 'mermaid', paper)).trimEnd().split('\n');
    const sane =
      /^(sequenceDiagram| {2}participant p\d as .+| {2}(?: {2})?Note over p\d(,p\d)?: .+| {2}p\d-{1,2}(>>|x)p\d: .+| {2}rect rgb\([\d, ]+\)| {2}end)$/;
    expect(lines.filter((line) => !sane.test(line))).toEqual([]);
    expect(lines.filter((line) => line.startsWith('  participant ')).length).toBe(5);
    // What Mermaid does before it parses: entities are put aside; then nothing is left that means something in a statement.
    for (const line of lines) {
      expect(line).not.toMatch(/style|classDef|ﬂ|ß|¶/);
      const rest = line
        .replaceAll(/#\d+;/g, '')
        .replaceAll('<br/>', '')
        .replace(/^ +p\d-{1,2}(>>|x)p\d: /, '');
      expect(rest).not.toMatch(/[#;<>"'`{}%&$\\[\]]/);
    }
    const decoded = lines.join('\n').replaceAll(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
    expect(decoded).toContain('<script>alert(1)</script>');
  });
});

test('folding keeps every sign and never grows wider', () => {
  fc.assert(
    fc.property(fc.string({unit: 'grapheme', maxLength: 200}), fc.integer({min: 2, max: 60}), (words, width) => {
      const lines = fold(words, width);
      expect(lines.join('').replaceAll(' ', '')).toBe(words.replaceAll(' ', ''));
      for (const line of [...lines, cut(words, width)]) expect(cells(line)).toBeLessThanOrEqual(width);
    }),
    {numRuns: 300},
  );
});
