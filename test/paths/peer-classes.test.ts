import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {buildCluster} from '../../src/core/model/cluster.js';
import {readNode} from '../../src/core/model/read-node.js';
import {Surveyor} from '../../src/core/model/survey.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import {allPairs, type Matrix} from '../../src/core/path/all-pairs.js';
import {digest} from '../../src/core/path/digest.js';
import {peersOf} from '../../src/core/path/peer-index.js';
import {bases, loadBase} from '../bases/bases.js';
import {cluster as generated} from '../bench/generate.js';
import {apply, type CaseEdit} from '../case-edit.js';
import {faults, withFaults} from '../faulty.js';

/** The matrix by classes of peers, and the one where each node judges each peer by itself on all its rows. */
function both(dumps: readonly NodeDump[], netConf?: unknown): readonly {readonly fast: Matrix; readonly slow: Matrix}[] {
  const states = dumps.map(readNode);
  const surveyor = new Surveyor();
  for (const state of states) surveyor.add(state);
  const model = buildCluster(surveyor, netConf === undefined ? {} : {netConf});
  const names = model.members.map((m) => m.name);
  return ([4, 6] as const).map((family) => {
    const peers = peersOf(model, family);
    const matrix = (judging: 'classes' | 'each'): Matrix =>
      allPairs(family, names, peers, new Map(states.map((state) => [state.name, digest(model, state, family, peers, undefined, judging)])));
    return {fast: matrix('classes'), slow: matrix('each')};
  });
}

/** Every mark, and how many pairs end in which way and where. Sentences may differ: a class shares those of its first peer. */
function seen({counts, marks, reasons}: Matrix): unknown {
  const ways = new Map<string, {pairs: number; readonly nodes: Set<string>}>();
  for (const {direction, verdict, disposition, pairs, nodes} of reasons) {
    const way = ways.get(`${direction} ${verdict} ${disposition}`) ?? {pairs: 0, nodes: new Set()};
    way.pairs += pairs;
    for (const node of nodes) way.nodes.add(node);
    ways.set(`${direction} ${verdict} ${disposition}`, way);
  }
  return {counts, marks, ways: [...ways].map(([way, {pairs, nodes}]) => [way, pairs, [...nodes].sort()]).sort()};
}

const same = (dumps: readonly NodeDump[], netConf?: unknown): void => {
  for (const {fast, slow} of both(dumps, netConf)) expect(seen(fast)).toEqual(seen(slow));
};

const root = join(import.meta.dirname, '../cases');
/** The cases of a rule: the first, and in the long run all. */
const casesOf = (rule: string): readonly string[] =>
  readdirSync(join(root, rule))
    .sort()
    .slice(0, process.env['FLANCTL_TEST_LONG'] ? undefined : 1);

describe('classes of peers change no verdict', () => {
  const tunnels = ['ipip', 'udp', 'wireguard', 'wireguard-dual', 'ipsec'] as const;
  test.each([...bases, ...tunnels])('%s, healthy', async (base) => same(await loadBase(base)));

  test.each(readdirSync(root).sort())('cases of %s', async (rule) => {
    for (const name of casesOf(rule)) {
      const spec = parse(readFileSync(join(root, rule, name, 'case.yaml'), 'utf8')) as {
        readonly base: string;
        readonly edits?: readonly CaseEdit[];
        readonly 'net-conf'?: unknown;
      };
      same((spec.edits ?? []).reduce(apply, await loadBase(spec.base)), spec['net-conf']);
    }
  });

  const runs = process.env['FLANCTL_TEST_LONG'] ? 2000 : 25;

  test.each(bases)('%s with random faults', async (base) => {
    const dumps = await loadBase(base);
    fc.assert(
      fc.property(faults, (list) => same(withFaults(dumps, list))),
      {numRuns: runs},
    );
  });

  test('a cluster of six with random faults, and with rows wrong at random', () => {
    const healthy = [...generated(6)];
    let broken = 0;
    fc.assert(
      fc.property(faults, faults, (some, more) => {
        const dumps = withFaults(healthy, [...some, ...more]);
        same(dumps);
        broken += both(dumps)[0]!.slow.counts.broken;
      }),
      {numRuns: runs, endOnFailure: true},
    );
    // They do break something.
    expect(broken).toBeGreaterThan(runs);
    for (const seed of [1, 2, 3]) same([...generated(6, {wrong: 0.2, seed})]);
  });
});
