import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import type {Given} from '../../src/core/model/cluster.js';
import {readOutline} from '../../src/core/model/outline.js';
import {readNode} from '../../src/core/model/read-node.js';
import {Surveyor} from '../../src/core/model/survey.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import {openTrace} from '../../src/edge/trace.js';
import {bases, loadBase} from '../bases/bases.js';
import {cluster as generated} from '../bench/generate.js';
import {apply, type CaseEdit} from '../case-edit.js';
import {type RecordEdits, recordsFor} from '../recorded.js';

const over = (dumps: readonly NodeDump[]) => ({
  async *nodes() {
    yield* dumps;
  },
});

/** One trace by two models: the verdicts, and which nodes the lazy one read whole. The whole one may be used for several. */
async function both(dumps: readonly NodeDump[], from: string, to: string, given: Given = {}, whole = openTrace(over(dumps), given)) {
  const read: string[] = [];
  const [eager, lazy] = [await whole, await openTrace(over(dumps), given, {ends: [from, to], reads: (node) => read.push(node)})];
  const [a, b] = [eager, lazy].map((tracer) =>
    // What cannot be traced is refused in the same words.
    Promise.resolve()
      .then(() => tracer.trace(tracer.endpoint(from), tracer.endpoint(to), {proto: 'icmp'}))
      // How much of the cluster it holds is what differs.
      .then(({world: _, ...traced}) => traced)
      .catch((error: Error) => error.message),
  );
  return {eager: await a, lazy: await b, read};
}

const root = join(import.meta.dirname, '../cases');
/** The cases of a rule: the first, and in the long run all. */
const casesOf = (rule: string): readonly string[] =>
  readdirSync(join(root, rule))
    .sort()
    .slice(0, process.env['FLANCTL_TEST_LONG'] ? undefined : 1);

describe('a trace from the outlines of nodes', () => {
  test('reads whole the two nodes that it leads over, of twelve', async () => {
    const {eager, lazy, read} = await both([...generated(12)], 'n3-p1', 'n9-p2');
    expect(lazy).toEqual(eager);
    expect(read).toEqual(['n3', 'n9']);
    const answer = await both([...generated(12)], 'n9-p2', 'n3-p1');
    expect(answer.read).toEqual(['n3', 'n9']);
  });

  test('and a third one that a wrong entry leads to', async () => {
    const dumps = (await loadBase('vxlan')).map((d) => ({
      ...d,
      sections: d.sections.map((s) =>
        d.node === 'n1' && s.name === 'bridge-fdb' ? {...s, out: s.out.replace('dst 192.168.77.12', 'dst 192.168.77.13')} : s,
      ),
    }));
    const {eager, lazy, read} = await both(dumps, 'n1-p1', 'n2-p1');
    expect(lazy).toEqual(eager);
    expect(lazy).toMatchObject({nodes: ['n1', 'n2', 'n3'], there: {verdict: {kind: 'broken', disposition: 'wrong-vtep'}}});
    expect(read).toEqual(['n1', 'n2', 'n3']);
  });

  test('where a lease is asked for, the whole model is made', async () => {
    const dumps = await loadBase('vxlan');
    for (const [from, to] of [
      ['n1', 'n2-p1'],
      ['n1-p1', '10.244.2.77'],
      ['n1-p1', '1.1.1.1'],
    ] as const) {
      const {eager, lazy, read} = await both(dumps, from, to);
      expect(lazy).toEqual(eager);
      expect(read.slice(0, 3)).toEqual(['n1', 'n2', 'n3']);
    }
  });

  const ends: readonly (readonly [string, string])[] = [
    ['n1-p1', 'n2-p1'],
    ['n3-p1', 'n1-p1'],
    ['10.244.1.2', 'n3'],
    ['n2-p1', '192.168.77.11'],
    ['n2-p1', '10.244.1.99'],
  ];

  test.each(bases)('%s: every pair alike, family by family', async (base) => {
    const dumps = await loadBase(base);
    const whole = openTrace(over(dumps), {});
    for (const [from, to] of ends) {
      const {eager, lazy} = await both(dumps, from, to, {}, whole);
      expect(lazy).toEqual(eager);
    }
  });

  test.each(readdirSync(root).sort())('faults of %s: the same verdict, and the same addresses and devices', async (rule) => {
    for (const name of casesOf(rule)) {
      const spec = parse(readFileSync(join(root, rule, name, 'case.yaml'), 'utf8')) as {
        readonly base: string;
        readonly edits?: readonly CaseEdit[];
        readonly without?: readonly string[];
        readonly records?: RecordEdits;
        readonly 'net-conf'?: unknown;
      };
      const healthy = await loadBase(spec.base);
      const dumps = (spec.edits ?? []).reduce(apply, healthy).filter((d) => !spec.without?.includes(d.node));
      const given: Given = {
        ...(spec['net-conf'] !== undefined && {netConf: spec['net-conf']}),
        ...(spec.records && {records: recordsFor(healthy, spec.records)}),
      };
      const tracer = openTrace(over(dumps), given);
      for (const [from, to] of ends) {
        const {eager, lazy} = await both(dumps, from, to, given, tracer);
        expect(lazy).toEqual(eager);
      }
      const [whole, part] = [new Surveyor(), new Surveyor()];
      for (const dump of dumps) {
        whole.add(readNode(dump));
        part.add(readOutline(dump));
      }
      const known = ({surveys}: Surveyor) => surveys.map(({name: node, addresses, links}) => ({node, addresses, links}));
      expect(known(part)).toEqual(known(whole));
    }
  });
});
