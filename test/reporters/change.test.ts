import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Ajv2020} from 'ajv/dist/2020.js';
import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import type {ChangeReport} from '../../src/edge/reporters/documents.js';
import {print} from '../../src/edge/reporters/index.js';
import {schemas} from '../../src/edge/reporters/schema.js';

/** What became of a change: its forms, from the document alone. */
const stage = (
  phase: ChangeReport['stages'][number]['phase'],
  title: string,
  at: number | null,
  more: object = {},
): ChangeReport['stages'][number] => ({
  phase,
  title,
  nodes: ['n1', 'n2', 'n3'],
  operations: 6,
  state: at === null ? 'not-reached' : 'done',
  at: at === null ? null : new Date(Date.UTC(2026, 10, 21, 10, 15, 0) + at * 1000).toISOString(),
  seconds: at === null ? null : 1.25,
  ...more,
});
const began = Date.UTC(2026, 10, 21, 10, 15, 0) / 1000;
const nodes = ['n1', 'n2', 'n3'];
const flows = nodes.flatMap((from) =>
  nodes
    .filter((to) => to !== from)
    .flatMap((to) => ([4, 6] as const).map((family) => ({from, to, family, sent: 1400, lost: 0, reordered: 0, duplicated: 0, gaps: []}))),
);
const done: ChangeReport = {
  id: '20261121-101500-4f2a',
  what: 'migrate',
  title: 'migrate vxlan to host-gw',
  operator: 'root@bastion',
  since: '2026-11-21T10:15:00.000Z',
  seconds: 14.2,
  nodes,
  outcome: 'done',
  because: [],
  stages: [
    stage('loosen', 'loose rp_filter', 0.5),
    stage('flip', 'flip 1/2: n1', 2, {nodes: ['n1'], operations: 4, seconds: 3.4}),
    stage('flip', 'flip 2/2: n2, n3', 5.6, {nodes: ['n2', 'n3'], operations: 8, seconds: 4.1}),
    stage('control', "flannel's files", 9.8),
    stage('cleanup', 'clean up the old path', 11.2),
    stage('restore', 'rp_filter as it was', 12.6),
  ],
  warnings: ['12 masqueraded connections will be reset when their route changes'],
  left: [{node: 'n2', what: 'flannel.1', why: 'sshd has a connection from 10.244.2.0 to 10.244.3.7:22, which would hang'}],
  ledger: {interval: 0.01, total: {sent: 16_800, lost: 0, reordered: 0, duplicated: 0}, flows, notMeasured: [], left: 0},
  exit: 0,
};
const failed: ChangeReport = {
  ...done,
  outcome: 'rolled-back',
  because: [
    'n1 → n2 IPv4: no answer (From 10.244.1.1 icmp_seq=1 Destination Host Unreachable)',
    'n1: route 10.244.2.0/24 via 192.168.77.12 dev eth0 is now 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
  ],
  stages: [
    stage('loosen', 'loose rp_filter', 0.5, {state: 'undone'}),
    stage('flip', 'flip 1/2: n1', 2, {state: 'undone', nodes: ['n1']}),
    stage('flip', 'flip 2/2: n2, n3', null),
  ],
  ledger: {
    ...done.ledger!,
    total: {sent: 14_000, lost: 57, reordered: 3, duplicated: 0},
    flows: flows
      .filter((f) => f.from !== 'n3')
      .map((f) =>
        f.from === 'n1' && f.to === 'n2' && f.family === 4
          ? {
              ...f,
              lost: 54,
              gaps: [
                {lost: 50, at: began + 2.4, seconds: 0.52},
                {lost: 4, at: began + 5, seconds: 0.05},
              ],
            }
          : f.from === 'n2' && f.to === 'n1' && f.family === 4
            ? {...f, lost: 3, reordered: 3, gaps: [{lost: 3, at: began - 1, seconds: 0.04}]}
            : f,
      ),
    notMeasured: flows
      .filter((f) => f.from === 'n3')
      .map(({from, to, family}) => ({from, to, family, why: 'n3: ping is not that of iputils'})),
    left: 4,
  },
  exit: 4,
};
const unbegun: ChangeReport = {...done, id: null, seconds: 0, nodes: [], stages: [], warnings: [], left: [], ledger: null};
const nothing: ChangeReport = {
  ...unbegun,
  what: 'apply',
  title: 'apply host-gw',
  outcome: 'nothing-to-do',
  left: Array.from({length: 40}, (_, i) => ({
    node: `n${1 + Math.floor(i / 2)}`,
    what: `the MTU 1500 of pod p${i}`,
    why: 'it was asked to be kept; new pods get 1450',
  })),
};
const held: ChangeReport = {
  ...unbegun,
  outcome: 'refused',
  because: ['n2: john@lap is changing it since 2026-11-21T10:02:11.000Z: migrate host-gw to vxlan (20261121-100211-77aa)'],
  exit: 1,
};
const paper = {level: 0, width: 100} as const;

test.each([
  ['change-nothing', nothing],
  ['change-held', held],
  ['change-done', done],
  ['change-rolled-back', failed],
])('%s', async (name, report) => {
  await expect(await print('ChangeReport', report, 'table', paper)).toMatchFileSnapshot(join(import.meta.dirname, `goldens/${name}.txt`));
  await expect(await print('ChangeReport', report, 'html', paper)).toMatchFileSnapshot(join(import.meta.dirname, `goldens/${name}.html`));
});

test('what is printed is what is promised', async () => {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/schema/ChangeReport.json'), 'utf8')) as object;
  const validate = new Ajv2020({strict: true, allowUnionTypes: true}).compile(schema);
  for (const report of [done, failed, nothing, held]) {
    expect(validate(JSON.parse(await print('ChangeReport', report, 'json', paper))), JSON.stringify(validate.errors)).toBe(true);
    expect(schemas.ChangeReport.parse(report)).toEqual(report);
  }
});

describe('nothing is called lossless that was not measured', () => {
  const none = {
    ...done,
    ledger: {
      ...done.ledger!,
      flows: [],
      total: {sent: 0, lost: 0, reordered: 0, duplicated: 0},
      notMeasured: flows.map(({from, to, family}) => ({from, to, family, why: 'no ping'})),
    },
  };
  test.each(['table', 'html'])('%s', async (form) => {
    const text = await print('ChangeReport', none, form, paper);
    expect(text).toContain('nothing was measured');
    expect(text).not.toMatch(/none lost|✔ \d/);
    expect(await print('ChangeReport', failed, form, paper)).toContain('4 flows not measured');
  });
});

test('words of nodes stay words, in a terminal and in a page', async () => {
  const hostile = fc.oneof(
    fc.string({unit: 'binary'}),
    fc.constantFrom(
      '<script>alert(1)</script>',
      '"><img src=x onerror=alert(1)>',
      "' onmouseover='x",
      '\u001b[2J',
      '</style>',
      '&lt;b&gt;',
      'a\nb',
    ),
  );
  await fc.assert(
    fc.asyncProperty(hostile, async (word) => {
      const report: ChangeReport = {
        ...failed,
        title: word,
        operator: word,
        id: word,
        because: [word],
        warnings: [word],
        stages: failed.stages.map((s) => ({...s, title: word})),
        left: [{node: word, what: word, why: word}],
        ledger: {
          ...failed.ledger!,
          flows: failed.ledger!.flows.map((f) => ({...f, from: `${word}${f.from}`})),
          notMeasured: failed.ledger!.notMeasured.map((f) => ({...f, to: word, why: word})),
        },
      };
      const page = await print('ChangeReport', report, 'html', paper);
      const plain = await print('ChangeReport', failed, 'html', paper);
      const tags = (html: string) =>
        [...html.matchAll(/<\/?([a-z0-9]+)[ >]/gi)].map((m) => m[1]).filter((t) => !['tr', 'th', 'td'].includes(t!));
      expect(new Set(tags(page))).toEqual(new Set(tags(plain)));
      expect(page).not.toMatch(/<script|<img|\son\w+=["']/);
      const table = await print('ChangeReport', report, 'table', paper);
      expect(table.replaceAll(/\n/g, '')).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
    {numRuns: 60},
  );
});
