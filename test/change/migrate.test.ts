import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, describe, expect, test} from 'vitest';
import {breakLab, faultNamed} from '../../src/edge/lab/break.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangePlan, ChangeReport} from '../../src/edge/reporters/documents.js';
import {doctor, flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {rpFilter} from './rehearse.js';
import {leftovers} from './tables.js';
import {kernelDrops, noticed, type Witness, witness} from './witness.js';

/**
 * `flanctl migrate` and `flanctl rollback` as users have them, on the real kernel, while a witness of its own sends 1,000 datagrams a second
 * and a TCP stream for every ordered pair of nodes. FLANCTL_TEST_LONG adds IPv4 alone, which dual-stack holds already.
 */
const families = process.env['FLANCTL_TEST_LONG'] === undefined ? [true] : [true, false];

const labs = testLabs();
const state = mkdtempSync(join(tmpdir(), 'flanctl-state-'));
process.env['XDG_STATE_HOME'] = state;
afterAll(() => rmSync(state, {recursive: true, force: true}));

async function migrate(
  lab: Lab,
  ...words: readonly string[]
): Promise<ChangeReport & {readonly code: number | null; readonly stderr: string}> {
  const ran = await flanctl(['migrate', '--lab', lab.spec.name, '--yes', '-o', 'json', ...words]);
  try {
    return {...(JSON.parse(ran.stdout) as ChangeReport), code: ran.code, stderr: ran.stderr};
  } catch {
    throw new Error(`migrate ${words.join(' ')}: exit ${ran.code}: ${ran.stderr}${ran.stdout.slice(0, 500)}`);
  }
}

/** What somebody wrote on the nodes; learnt neighbours, counters and the numbers of devices aside. */
async function written(lab: Lab): Promise<readonly string[]> {
  const words = `ip route show table all; ip -6 route show table all; ip neigh show nud permanent; ip -6 neigh show nud permanent
    bridge fdb | grep dst; ip -d link show type vxlan; ip addr; cd /proc/sys/net/ipv4/conf; grep . */rp_filter; cat /run/flannel/subnet.env /etc/kube-flannel/net-conf.json
    for pod in $(ls /run/netns); do nsenter --net=/run/netns/$pod ip link show eth0; done`;
  const all = await Promise.all(lab.nodes.map((n) => runIn(lab, n.name, words)));
  return all.map(({stdout}) =>
    stdout
      .replace(/^\d+: /gm, '')
      .split('\n')
      .map((line) => line.trimEnd())
      .sort()
      .join('\n'),
  );
}

/** Nothing of a change is left running or lying about on the nodes. */
async function expectNoTrace(lab: Lab): Promise<void> {
  for (const node of lab.nodes) {
    const {stdout} = await runIn(
      lab,
      node.name,
      'ls /run | grep flanctl; ps ax -o args | grep -e flanctl -e "[p]ing -" | grep -v -e grep -e holder.sh',
    );
    expect(stdout).toBe('');
    expect(await leftovers(lab, node.name)).toEqual([]);
  }
}

/** What a pod has only once: the namespace and the device that it began with. */
async function podsOf(lab: Lab): Promise<readonly string[]> {
  const words =
    'for pod in $(ls /run/netns); do stat -Lc "%n %i" /run/netns/$pod; nsenter --net=/run/netns/$pod ip -o link show eth0; done';
  const all = await Promise.all(lab.nodes.map((n) => runIn(lab, n.name, words)));
  return all.flatMap(({stdout}) => stdout.match(/^\/run.*|^\d+: eth0|link\/ether [0-9a-f:]+/gm) ?? []);
}

/** Not even the kernel counts a packet that it dropped, but for full-sized ones under way while the pods' MTU shrinks (they are sent again). */
async function expectUnnoticed(lab: Lab, watch: Witness): Promise<void> {
  const seen = await watch.stop();
  expect(noticed(seen)).toEqual([]);
  expect(Math.min(...seen.flows.map((f) => f.sent))).toBeGreaterThan(seen.seconds * 500);
  expect(kernelDrops(seen, lab, ['IpFragFails'])).toEqual({});
}

async function expectClean(lab: Lab): Promise<void> {
  const {findings, notEvaluated, code} = await doctor(['--lab', lab.spec.name]);
  expect({findings, notEvaluated, code}).toEqual({findings: [], notEvaluated: [], code: 0});
}

const lossless = {lost: 0, reordered: 0, duplicated: 0};

describe.skipIf(!labsWork)('flanctl migrate', () => {
  for (const dualStack of families)
    test(`to host-gw and back, ${dualStack ? 'dual-stack' : 'IPv4'}, from strict rp_filter, and rolled back`, async () => {
      const lab = await labs.up({name: dualStack ? 'mg-46' : 'mg-4', nodes: 3, pods: 2, dualStack});
      await rpFilter(lab, 1);
      await labPing(lab);
      const [before, pods] = [await written(lab), await podsOf(lab)];
      expect(pods).toHaveLength(18);

      const dry = await flanctl(['migrate', '--to', 'host-gw', '--lab', lab.spec.name, '--dry-run', '-o', 'json']);
      expect(dry.code).toBe(0);
      const {steps, plan} = JSON.parse(dry.stdout) as ChangePlan;
      expect(plan.stages.map((s) => s.phase)).toEqual(['loosen', 'flip', 'flip', 'control', 'cleanup', 'cleanup', 'restore']);
      const flip = steps.find((s) => s.stage === 'flip 1/2: n1')!;
      expect(flip.run).toContainEqual({
        tool: 'ip',
        lines: expect.arrayContaining(['route replace 10.244.2.0/24 via 192.168.77.12 dev eth0']),
      });
      expect(flip.undo).toContainEqual({
        tool: 'ip',
        lines: expect.arrayContaining(['route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink']),
      });
      expect(await written(lab)).toEqual(before);

      await using watch = await witness(lab);
      const there = await migrate(lab, '--to', 'host-gw');
      expect(there).toMatchObject({code: 0, outcome: 'done', left: [], ledger: {total: lossless, notMeasured: []}});
      expect(there.ledger!.flows).toHaveLength(dualStack ? 12 : 6);
      expect(there.ledger!.total.sent).toBeGreaterThan(1000);
      await expectClean(lab);
      await expectNoTrace(lab);
      for (const now of await written(lab))
        expect(now.split('\n').filter((l) => /flannel\.1|PERMANENT|rp_filter:[02]/.test(l))).toEqual([]);
      expect(await migrate(lab, '--to', 'host-gw')).toMatchObject({code: 0, outcome: 'nothing-to-do', id: null});

      expect(await flanctl(['migrate', '--to', 'vxlan', '--lab', lab.spec.name, '--yes'])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('6 pods have an MTU of 1500, and the tunnel carries 1450'),
      });
      expect(await migrate(lab, '--to', 'vxlan', '--pod-mtu', 'set')).toMatchObject({code: 0, outcome: 'done', ledger: {total: lossless}});
      await expectClean(lab);
      const same = await written(lab);
      // Between long runs migration-lab.test.ts has this one.
      for (const direct of process.env['FLANCTL_TEST_LONG'] === undefined ? [] : [['--direct-routing'], []]) {
        expect(await migrate(lab, '--to', 'vxlan', '--batch', '1', ...direct)).toMatchObject({
          code: 0,
          outcome: 'done',
          ledger: {total: lossless},
        });
        await expectClean(lab);
      }
      expect(await written(lab)).toEqual(same);

      const {id} = await migrate(lab, '--to', 'host-gw', '--last', 'n1');
      const undone = await flanctl(['rollback', id!, '--yes', '--lab', lab.spec.name]);
      expect({code: undone.code, said: undone.code === 0 ? '' : undone.stderr + undone.stdout}).toEqual({code: 0, said: ''});
      expect(await written(lab)).toEqual(same);
      await expectUnnoticed(lab, watch);
      expect(await podsOf(lab)).toEqual(pods);
      await expectClean(lab);
      await expectNoTrace(lab);
    }, 1_000_000);

  test('an underlay that drops pod addresses, seen only once rp_filter is loose: turned back before any route moved', async () => {
    const lab = await labs.up({name: 'mg-drop', nodes: 3, pods: 1});
    await rpFilter(lab, 1);
    await labPing(lab);
    await runIn(
      lab,
      'underlay',
      'nft -f - <<E\ntable bridge spoof { chain forward { type filter hook forward priority 0; iifname "n2" ip saddr 10.244.0.0/16 drop; }; }\nE',
    );
    const before = await written(lab);
    const report = await migrate(lab, '--to', 'host-gw');
    expect(report).toMatchObject({code: 4, outcome: 'rolled-back', ledger: {total: {lost: 0}}});
    expect(report.because.join('\n')).toContain('n2 → n1: of 20 echo requests from 10.244.2.1');
    expect(report.stages.map((s) => [s.phase, s.state]).slice(0, 2)).toEqual([
      ['loosen', 'undone'],
      ['flip', 'not-reached'],
    ]);
    expect(report.warnings.join('\n')).toContain('rp_filter of n2 is strict');
    expect(await written(lab)).toEqual(before);
    await expectNoTrace(lab);
  }, 750_000);

  test('killed in the middle and resumed', async () => {
    const lab = await labs.up({name: 'mg-kill', nodes: 3, pods: 1});
    await labPing(lab);
    const bin = join(import.meta.dirname, '../../bin/run.js');
    const child = spawn(
      process.execPath,
      [bin, 'migrate', '--to', 'host-gw', '--lab', 'mg-kill', '--yes', '--quiet', '--probe-interval', '0'],
      {
        env: {...process.env, FLANCTL_PAUSE_AT: '1:before'},
        stdio: 'ignore',
      },
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (child.exitCode === null && !/\) T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))) await sleep(100);
    child.kill('SIGKILL');
    await ended;
    expect((await runIn(lab, 'n1', ['ip', 'route', 'show', '10.244.2.0/24'])).stdout).toContain('via 192.168.77.12');
    expect((await runIn(lab, 'n2', ['ip', 'route', 'show', '10.244.1.0/24'])).stdout).toContain('flannel.1');
    expect(await migrate(lab, '--resume')).toMatchObject({code: 0, outcome: 'done'});
    await expectClean(lab);
    await expectNoTrace(lab);
    expect(await flanctl(['migrate', '--resume', '--lab', 'mg-kill'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('begun and not ended'),
    });
  }, 750_000);

  test('refused before any write: a broken cluster, an unknown answer, a place that is no live one', async () => {
    const lab = await labs.up({name: 'mg-no', nodes: 3, pods: 1});
    const name = lab.spec.name;
    await runIn(
      lab,
      'underlay',
      'nft -f - <<E\ntable bridge spoof { chain forward { type filter hook forward priority 0; iifname "n2" ip saddr 10.244.0.0/16 drop; }; }\nE',
    );
    const before = await written(lab);
    const dropped = await migrate(lab, '--to', 'host-gw');
    expect(dropped).toMatchObject({code: 1, outcome: 'refused', id: null});
    expect(dropped.because).toEqual([expect.stringMatching(/^n2 → n1: .*drops pod addresses$/), expect.stringMatching(/^n2 → n3: /)]);
    expect(await flanctl(['migrate', '--to', 'vxlan', '--direct-routing', '--lab', name])).toMatchObject({code: 1});
    await runIn(lab, 'underlay', 'nft delete table bridge spoof');
    const asked = await flanctl(['migrate', '--to', 'host-gw', '--lab', name]);
    expect(asked).toMatchObject({code: 2, stderr: expect.stringContaining('no terminal to ask on')});
    expect(await written(lab)).toEqual(before);

    await breakLab(name, faultNamed('fdb-row-deleted'));
    const ill = await migrate(lab, '--to', 'host-gw');
    expect(ill).toMatchObject({code: 1, outcome: 'refused', because: [expect.stringContaining('fdb-missing')]});
    const away = await flanctl(['migrate', '--to', 'host-gw', '--snapshot', join(import.meta.dirname, '../bases/vxlan.ndjson')]);
    expect(away).toMatchObject({code: 2, stderr: expect.stringContaining('a snapshot cannot be changed')});
    const mixed = await flanctl(['migrate', '--to', 'host-gw', '--direct-routing', '--lab', name]);
    expect(mixed).toMatchObject({code: 2, stderr: expect.stringContaining('--direct-routing is a setting of vxlan and ipip')});
  }, 750_000);
});
