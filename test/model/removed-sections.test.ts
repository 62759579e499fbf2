import fc from 'fast-check';
import {beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {Finding} from '../../src/core/rules/fold.js';
import {rules} from '../../src/core/rules/index.js';
import {type Diagnosis, diagnose} from '../../src/edge/diagnose.js';
import {bases, loadBase} from '../bases/bases.js';
import {edited, without} from '../edited.js';

/** What was not looked at is a gap, whatever it is: no rule may find anything in the dark. */
const judge = (dumps: readonly NodeDump[]): Promise<Diagnosis> =>
  diagnose(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {},
    rules,
  );
const flat = (findings: readonly Finding[]): readonly string[] =>
  findings.flatMap((f) => [f.id.replace(/#\d+$/, ''), ...flat(f.consequences)]);

/** Backends whose bases are written rather than recorded, and another as simple: fewer of these. */
const written = ['ipip', 'wireguard-dual', 'ipsec'];
const simple = ['udp', ...written];

/** Of each world, each of three nodes with some of forty sections gone. */
const runs = (name: string): number => (simple.includes(name) ? 20 : 60) * (process.env['FLANCTL_TEST_LONG'] === undefined ? 1 : 10);

const worlds = new Map<string, readonly NodeDump[]>();
const full = new Map<string, ReadonlySet<string>>();
beforeAll(async () => {
  for (const base of [...bases, ...written]) worlds.set(base, await loadBase(base));
  worlds.set(
    'faults',
    await edited(
      'vxlan',
      ['n1', 'ip-route-all', without(/10\.244\.2\.0\/24 via/)],
      ['n2', 'bridge-fdb', (out) => out.replace('dst 192.168.77.13', 'dst 192.168.77.99')],
      ['n3', 'ip-neigh', (out) => out.replace(/^(10\.244\.1\.0 .*)PERMANENT/m, '$1REACHABLE')],
    ),
  );
  for (const [name, dumps] of worlds) full.set(name, new Set(flat((await judge(dumps)).findings)));
});

/** The sections of CNI files say by being there that they were looked for, as does the list of plugins after them: these go together. */
const groupOf = (section: string): string =>
  /^cni(\/|-bin)/.test(section) ? 'cni' : section.startsWith('pods') ? section.split('/').slice(0, 2).join('/') : section;

describe('sections that are not there', () => {
  test.each([...bases, ...written, 'faults'])('%s: any of them, and no rule finds what it did not find before', async (name) => {
    const dumps = worlds.get(name)!;
    const places = dumps.flatMap((d, n) => [...new Set(d.sections.map((s) => groupOf(s.name)))].map((group) => ({n, group})));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.subarray(places, {minLength: 1, maxLength: 4}), fc.subarray(places)),
        fc.constantFrom('absent', 'failed', 'cut'),
        async (gone, how) => {
          const dark = dumps.map((dump, n) => {
            const groups = new Set(gone.filter((g) => g.n === n).map((g) => g.group));
            return {
              ...dump,
              sections: dump.sections.flatMap((s) => {
                if (!groups.has(groupOf(s.name))) return [s];
                if (how === 'absent') return [];
                return how === 'failed'
                  ? [{...s, rc: 127, out: '', err: 'sh: not found'}]
                  : [{...s, rc: -1, out: s.out.slice(0, s.out.length / 2)}];
              }),
            };
          });
          const found = await judge(dark);
          const known = full.get(name)!;
          expect(flat(found.findings).filter((id) => !known.has(id))).toEqual([]);
          // Something of it is said, or nothing asked for it.
          expect(found.cluster.members).toHaveLength(dumps.length);
        },
      ),
      {numRuns: runs(name)},
    );
  });

  test('each one by itself', async () => {
    for (const name of ['vxlan-dual', 'host-gw-dual']) {
      const dumps = worlds.get(name)!;
      for (const group of new Set(dumps[0]!.sections.map((s) => groupOf(s.name)))) {
        const found = await judge(
          dumps.map((d, n) => (n === 0 ? {...d, sections: d.sections.filter((s) => groupOf(s.name) !== group)} : d)),
        );
        expect({name, group, findings: flat(found.findings)}).toEqual({name, group, findings: []});
      }
    }
  });

  test('a table that doctor needs is missed in words', async () => {
    const dumps = worlds.get('vxlan-dual')!;
    for (const section of [
      'ip-link',
      'ip-route-all',
      'ip-6-route-all',
      'ip-neigh',
      'ip-6-neigh',
      'bridge-fdb',
      'sysctl',
      'ip-rule',
      'ip-6-rule',
      'ip-addr',
    ]) {
      const found = await judge(dumps.map((d, n) => (n === 0 ? {...d, sections: d.sections.filter((s) => s.name !== section)} : d)));
      expect(found.notEvaluated.filter((e) => e.node === dumps[0]!.node).length, section).toBeGreaterThan(0);
    }
  });

  test('without routes and configuration nobody knows of DirectRouting, and so of no missing row', async () => {
    const dumps = worlds.get('vxlan-direct')!;
    const found = await judge(
      dumps.map((d) => ({...d, sections: d.sections.filter((s) => s.name !== 'ip-route-all' && s.name !== 'net-conf.json')})),
    );
    expect(flat(found.findings)).toEqual([]);
    expect(found.notEvaluated.length).toBeGreaterThan(0);
  });

  test('no node, and nodes without anything', async () => {
    expect(await judge([])).toMatchObject({findings: [], gaps: []});
    const found = await judge([
      {node: 'a', via: 'x', sections: []},
      {node: 'b', via: 'x', sections: []},
    ]);
    expect(found.findings).toEqual([]);
    expect(found.notEvaluated.map((e) => e.node)).toEqual(expect.arrayContaining(['a', 'b']));
  });

  test('any text at all in any section breaks nothing', async () => {
    const dumps = worlds.get('vxlan-dual')!;
    const names = [...new Set(dumps[0]!.sections.map((s) => s.name))];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.oneof(fc.string({unit: 'binary', maxLength: 300}), fc.json(), fc.lorem()),
        fc.nat(),
        async (section, noise, at) => {
          const spoilt = dumps.map((d, n) =>
            n > 0
              ? d
              : {
                  ...d,
                  sections: d.sections.map((s) =>
                    s.name === section ? {...s, out: at % 3 === 0 ? noise : s.out.slice(0, at % (s.out.length + 1)) + noise} : s,
                  ),
                },
          );
          await judge(spoilt);
        },
      ),
      {numRuns: 150},
    );
  });
});
