import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {labDown} from '../../src/edge/lab/down.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {LabSpec} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {doctor, flanctl} from './flanctl.js';

/** A healthy cluster is judged healthy, whichever way it is read: in its namespaces, over SSH, and from a snapshot of either. */
const kinds: readonly (readonly [string, Partial<LabSpec>])[] = [
  ['vxlan', {backend: 'vxlan'}],
  ['vxlan + DirectRouting on a routed underlay', {backend: 'vxlan', directRouting: true, underlay: 'routed', nodes: 4}],
  ['host-gw', {backend: 'host-gw'}],
];
const folder = mkdtempSync(join(tmpdir(), 'flanctl-healthy-'));
afterAll(() => rmSync(folder, {recursive: true}));

const clean = {findings: [], notEvaluated: [], gaps: [], code: 0};

for (const [kind, wish] of kinds) {
  for (const dualStack of [false, true]) {
    describe(`${kind}, ${dualStack ? 'dual-stack' : 'IPv4'}`, () => {
      const name = `ok-${wish.backend === 'vxlan' ? (wish.directRouting ? 'dr' : 'vx') : 'hg'}-${dualStack ? '46' : '4'}`;
      afterAll(async () => {
        await labDown(name);
      });
      for (const ssh of [false, true]) {
        test(ssh ? 'over SSH, and from a snapshot of that' : 'in its namespaces, and from a snapshot of that', async () => {
          const lab = await labUp({name, ...wish, dualStack, ssh}, {replace: true});
          const ping = await labPing(lab);
          expect(ping.pairs.filter((p) => !p.small || !p.large)).toEqual([]);
          expect(ping.pairs.length).toBeGreaterThan(lab.nodes.length);
          const live = await doctor(['--lab', name]);
          expect({findings: live.findings, notEvaluated: live.notEvaluated, gaps: live.gaps, code: live.code}).toEqual(clean);
          const file = join(folder, `${name}-${ssh}.ndjson.br`);
          expect(await flanctl(['gather', '--lab', name, '--file', file])).toMatchObject({code: 0});
          const read = await doctor(['--snapshot', file]);
          expect({findings: read.findings, notEvaluated: read.notEvaluated, gaps: read.gaps, code: read.code}).toEqual(clean);
        });
      }
    });
  }
}
