import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import type {Stage} from '../../src/core/change/plan.js';
import {inverses, simulate} from '../../src/core/change/simulate.js';
import type {NodeState} from '../../src/core/node/state.js';
import {type ChangeStage, stagesOf, undoneSlowly, undoOrder, withControl} from '../../src/edge/change/stages.js';
import {formed} from '../forms/form.js';
import {mustPlan, see, target} from './planned.js';

const folder = mkdtempSync(join(tmpdir(), 'flanctl-agreed-'));
afterAll(() => rmSync(folder, {recursive: true, force: true}));
const said = join(folder, 'said');
const program = (name: string, text: string) => writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, {mode: 0o755});

/** flanneld's policies are there as soon as it is, and charon's associations some seconds later. */
describe('the way back to ipsec', () => {
  const planned = async (backend: string) => {
    const seen = see(await formed({backend, version: 'v0.28.9'}));
    const netConf = {Network: '10.244.0.0/16', Backend: {Type: backend}};
    return {seen, plan: mustPlan(seen, target({Type: 'vxlan', VNI: 1}), {podMtu: 'set', control: {by: 'systemd', netConf}})};
  };
  const restarts = ['k1', 'k2'].map((title): ChangeStage => ({phase: 'control', title, work: [{node: 'n1', run: [], undo: []}]}));
  const ordered = async (backend: string, control: readonly ChangeStage[] = restarts) => {
    const {plan} = await planned(backend);
    return undoOrder(withControl(stagesOf(plan), control, plan).stages.map((s, stage) => ({...s, stage})));
  };
  const waits = (stages: readonly ChangeStage[]) => stages.filter((s) => s.title.includes('keys again'));

  test('flanneld first, then the associations of all nodes, then the flips, then what took both', async () => {
    const stages = await ordered('ipsec');
    const titles = stages.map((s) => s.title);
    expect(titles.slice(titles.indexOf('k2'))).toEqual([
      'k2',
      'k1',
      'charon would agree on keys again, on the way back',
      'flip 2/2: n2, n3',
      'flip 1/2: n1',
      'build the vxlan path',
    ]);
    expect(waits(stages)).toMatchObject([{work: ['n1', 'n2', 'n3'].map((node) => ({node, run: []}))}]);
    expect(stages.filter((s) => s.title.startsWith('k')).map((s) => [s.slow, undoneSlowly(s.phase)])).toEqual([
      [true, true],
      [true, true],
    ]);
  });

  test('nothing waits where nobody ends charon, or there is none', async () => {
    expect([...waits(await ordered('ipsec', [])), ...waits(await ordered('host-gw'))]).toEqual([]);
  });

  test('wherever it begins, a flanneld that starts finds policies that take what comes plainly, or send so, and none of flannel’s', async () => {
    const {seen, plan} = await planned('ipsec');
    const state = seen.states[0]!;
    const operations = (stages: readonly Stage[]) => stages.flatMap((s) => s.work.flatMap((w) => (w.node === 'n1' ? w.operations : [])));
    const standing = ({tables}: NodeState) =>
      (tables.xfrm ?? []).map(
        ({dir, src, dst, priority, tmpl}) =>
          `${dir} ${src} ${dst} ${priority} ${tmpl.map((t) => `${t.src} ${t.dst} ${t.reqid} ${t.level ?? 'required'}`).join()}`,
      );
    const network = '10.244.0.0/16';
    const wanted = seen.states.slice(1).flatMap(({name}) => {
      const lease = (of: string) => seen.cluster.members.find((m) => m.name === of)!.lease!;
      const {subnet, publicIP} = lease(name);
      const takes = `${subnet} ${network} 0 ${publicIP} ${lease('n1').publicIP} 11 use`;
      return [`out ${network} ${subnet} 0 `, `in ${takes}`, `fwd ${takes}`];
    });
    const flipped = plan.stages.findLastIndex((s) => s.phase === 'flip');
    const half = simulate(state, operations(plan.stages.slice(0, flipped + 1)));
    expect(standing(half).toSorted()).toEqual(wanted.toSorted());
    const all = simulate(state, operations(plan.stages));
    expect(standing(all)).toEqual([]);
    const back = simulate(all, inverses(operations(plan.stages.filter((s) => s.phase === 'cleanup'))));
    expect(standing(back).toSorted()).toEqual(wanted.toSorted());
    expect(standing(simulate(half, inverses(operations(plan.stages.slice(0, flipped + 1))))).toSorted()).toEqual(
      standing(state).toSorted(),
    );
  });

  test('it waits for both associations of every pair, and says whose do not come', async () => {
    const [line = ''] = waits(await ordered('ipsec')).flatMap((s) =>
      s.work.flatMap((w) => (w.node === 'n1' ? w.undo.flatMap((b) => b.lines) : [])),
    );
    const clock = join(folder, 'uptime');
    const run = () => {
      writeFileSync(said, '');
      writeFileSync(clock, '1000.25 7.00\n');
      const {status, stderr} = spawnSync('sh', ['-c', line.replaceAll('/proc/uptime', clock)], {
        env: {...process.env, PATH: `${folder}:${process.env['PATH']}`},
        encoding: 'utf8',
      });
      return {status, stderr: stderr.trim(), asked: readFileSync(said, 'utf8').split('\n').filter(Boolean)};
    };
    // Rounds that take long, as with many peers: it goes by the clock, and not by how often it has looked.
    program('sleep', `echo sleep >>${said}; read -r up rest <${clock}; echo "$((\${up%.*} + 15)).50 7.00" >${clock}`);
    const one = 'echo "src $5 dst $7"; echo "	proto esp spi 0xc123abcd reqid 11 mode tunnel"';
    // The answer's association comes after three looks; until then charon has only asked.
    program(
      'ip',
      `case "$*" in "xfrm state list src 192.168.77.1"[123]" dst 192.168.77.1"[123]" reqid 11") ;; *) echo "$*" >>${said}; exit 1 ;; esac
case $5 in *1) ;; *) [ "$(grep -c sleep ${said})" -ge 3 ] || { echo "	proto esp spi 0x00000000 reqid 11 mode tunnel"; exit; } ;; esac
${one}`,
    );
    expect(run()).toEqual({status: 0, stderr: '', asked: ['sleep', 'sleep', 'sleep']});
    program('ip', `case "$5 $7" in *13*) ;; *) ${one} ;; esac`);
    const silent = run();
    expect(silent.status).toBe(1);
    expect(silent.stderr).toMatch(/^no security association for \S+-\S+13\b after 60 s$/);
    expect(silent.asked).toHaveLength(4);
  });
});
