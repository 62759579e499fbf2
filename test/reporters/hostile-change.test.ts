import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import type {ChangePlan, HistoryReport, TraceReport} from '../../src/edge/reporters/documents.js';
import {print} from '../../src/edge/reporters/index.js';

/** What nodes say in a plan, in a history and of a probe stays text. ChangeReport: change.test.ts. */
const steering = /(?![\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const hostile = fc.oneof(
  fc.string({unit: 'binary'}),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    '\u001b[2J\u001b[H',
    '\u001b]0;owned\u0007',
    'a\n✔ healthy',
    '\u202e\u2066n1',
    '\u009b31m',
    'a\u2028b\rc',
    '\ud800',
  ),
);
const plan = (w: string): ChangePlan =>
  ({
    plan: {
      what: 'migrate',
      from: {type: w, settings: {}},
      to: {type: 'host-gw', settings: {}},
      nodes: [w],
      warnings: [w],
      irreversible: [{node: w, what: w, why: w}],
      left: [{node: w, what: w, why: w}],
      stages: [
        {
          phase: 'control',
          title: w,
          work: [
            {
              node: w,
              operations: [
                {on: 'file', do: 'replace', path: w, before: `A=1\nB=2\n`, to: `A=1\nB=${w}\n`},
                {on: 'file', do: 'replace', path: w, before: undefined, to: w},
                {on: 'file', do: 'replace', path: w, before: '{"Backend": 1}', to: JSON.stringify({Backend: w, [w]: w})},
                {on: 'pod-link', do: 'replace', pod: w, dev: w, to: 1450, before: 1500},
                {on: 'sysctl', do: 'replace', key: w, to: w, before: w},
              ],
            },
          ],
        },
      ],
    },
    steps: [
      {
        node: w,
        stage: w,
        run: [{tool: 'sh', lines: [w]}],
        undo: [{tool: 'ip', lines: [w]}],
      },
    ],
    exit: 0,
  }) as unknown as ChangePlan;

const history = (w: string, outcome: string): HistoryReport => ({
  changes: [
    {
      id: w,
      title: w,
      operator: w,
      since: w,
      outcome,
      here: true,
      nodes: [
        {
          node: w,
          outcome: 'open',
          progress: 'applying',
          timer: 12,
          steps: [{stage: 0, phase: w, title: w, state: 'begun'}],
          log: [w],
        },
      ],
    },
  ],
  gaps: [{node: w, what: w, why: w}],
  exit: 3,
});

const probe = (w: string): NonNullable<TraceReport['probe']> => ({
  agrees: false,
  headline: w,
  packets: (['lost', 'failed'] as const).map((answer) => ({
    name: 'small',
    size: 84,
    answer,
    said: w,
    there: {predicted: 'arrives', measured: 'lost'},
    back: null,
    agrees: false,
    died: {direction: 'there', after: {node: w, pod: w, dev: w}, before: {node: w, pod: null, dev: w}},
    seen: [
      {direction: 'there', hop: null, node: w, pod: w, dev: w, way: 'in', tunnelled: false, expected: false, seen: true},
      {direction: 'there', hop: null, node: w, pod: null, dev: w, way: null, tunnelled: true, expected: null, seen: null},
    ],
  })),
  hints: [w],
  gaps: [{node: w, what: w, why: w}],
  pcap: w,
});

const end = (w: string): TraceReport['from'] => ({name: w, kind: 'pod', node: w, address: w});
const trace = (w: string): TraceReport => ({
  from: end(w),
  to: end(w),
  packet: {family: 4, proto: 'icmp', port: null, size: 84},
  directions: [
    {
      from: w,
      to: w,
      verdict: 'broken',
      certainty: null,
      hop: 1,
      disposition: w,
      because: w,
      pathMtu: null,
      hops: [
        {
          number: 1,
          place: w,
          steps: [
            {
              kind: 'neighbour',
              node: w,
              pod: w,
              dev: w,
              text: w,
              certainty: 'observed',
              end: w,
              evidence: [{node: w, command: w, lines: [w]}],
              crossing: null,
            },
          ],
        },
      ],
      explained: null,
    },
  ],
  nodes: [w],
  probe: probe(w),
  exit: 1,
});

type Printed = (word: string, format: string) => Promise<string>;
const paper = {level: 0, width: 100} as const;

describe.each<[string, readonly string[], Printed]>([
  ['ChangePlan', ['table'], (w, format) => print('ChangePlan', plan(w), format, paper)],
  ...['done', 'open'].map((outcome): [string, readonly string[], Printed] => [
    `HistoryReport of what is ${outcome}`,
    ['table'],
    (w, format) => print('HistoryReport', history(w, outcome), format, paper),
  ]),
  ['TraceReport with a probe', ['table', 'svg', 'mermaid'], (w, format) => print('TraceReport', trace(w), format, paper)],
])('%s', (_, formats, printed) => {
  test.each(formats)('%s', async (format) => {
    const tags = (text: string): ReadonlySet<string> => new Set([...text.matchAll(/<\/?([^\s/>]+)/g)].map((m) => m[1]!));
    const own = format === 'table' ? new Set<string>() : tags(await printed('word', format));
    expect(await printed('word', format)).toContain('word');
    await fc.assert(
      fc.asyncProperty(hostile, async (word) => {
        const text = await printed(word, format);
        expect(text).not.toMatch(steering);
        expect(text).not.toMatch(/^✔ healthy/m);
        // In a drawing no word of a node becomes an element.
        if (format !== 'table') for (const tag of tags(text)) expect(own).toContain(tag);
      }),
      {numRuns: 80},
    );
  });
});

test('of a packet that is lost it is said once', async () => {
  const report = trace('n1');
  const packets = report.probe!.packets.map((p) => ({...p, answer: 'lost' as const, said: null, died: null}));
  const text = await print('TraceReport', {...report, probe: {...report.probe!, packets}}, 'table', paper);
  expect(text).toContain('there lost, by the tables arrives\n');
  expect(text).not.toMatch(/; lost/);
});
