import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, describe, expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangePlan, ChangeReport} from '../../src/edge/reporters/documents.js';
import {certificates} from '../etcd/server.js';
import {doctor, flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {Flannelds} from './flanneld.js';
import {rpFilter} from './rehearse.js';
import {noticed, witness} from './witness.js';

/** `flanctl migrate --controller systemd` with a flanneld on every node that is a unit, its configuration in a file and in a real etcd. */
const long = process.env['FLANCTL_TEST_LONG'] !== undefined;
const labs = testLabs();
const state = mkdtempSync(join(tmpdir(), 'flanctl-state-'));
process.env['XDG_STATE_HOME'] = state;
const elsewhere = mkdtempSync(join(tmpdir(), 'flanctl-else-'));
afterAll(() => {
  for (const folder of [state, elsewhere]) rmSync(folder, {recursive: true, force: true});
});

async function change(lab: Lab, ...words: readonly string[]): Promise<ChangeReport & {readonly code: number | null}> {
  const ran = await flanctl([...words, '--lab', lab.spec.name, '--yes', '-o', 'json', '--quiet']);
  if (!ran.stdout.startsWith('{')) throw new Error(`${words.join(' ')}: exit ${ran.code}: ${ran.stderr}`);
  return {...(JSON.parse(ran.stdout) as ChangeReport), code: ran.code};
}

/** Runs flanctl up to this place and ends it there as a power cut would. */
async function killedAt(place: string, words: readonly string[]): Promise<void> {
  const bin = join(import.meta.dirname, '../../bin/run.js');
  const child = spawn(process.execPath, [bin, ...words, '--yes', '--quiet', '--probe-interval', '0'], {
    env: {...process.env, FLANCTL_PAUSE_AT: place},
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (child.exitCode === null && !/\) T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))) await sleep(100);
  expect(child.exitCode).toBeNull();
  child.kill('SIGKILL');
  await ended;
}

const put = async (lab: Lab, node: string, words: string): Promise<string> => {
  const ran = await runIn(lab, node, words);
  if (ran.code !== 0) throw new Error(`${node}: ${words}: ${ran.stderr}`);
  return ran.stdout;
};

const clean = {findings: [], notEvaluated: [], code: 0};
const healthy = async (lab: Lab) => {
  const {findings, notEvaluated, code} = await doctor(['--lab', lab.spec.name]);
  expect({findings, notEvaluated, code}).toEqual(clean);
};
/** What it deleted or added at its last start. */
const disturbed = async (lab: Lab, flannelds: Flannelds) =>
  (await Promise.all(lab.nodes.map(({name}) => flannelds.log(name))))
    .flat()
    .filter((l) => /route (del|add)|link (del|add)|check added/.test(l));

describe.skipIf(!labsWork)('flanneld as a unit', () => {
  test('its configuration in a file: named before, changed, restarted node by node, rolled back; nobody notices', async () => {
    const lab = await labs.up({name: 'sd-file', dualStack: true, pods: 1});
    await rpFilter(lab, 1);
    await using flannelds = await Flannelds.start(lab, 1, 'FLANNELD_COMM=flanneld');
    await flannelds.asUnits();
    const conf = await put(lab, 'n2', 'cat /etc/kube-flannel/net-conf.json');
    const unsaid = await flanctl(['migrate', '--to', 'host-gw', '--lab', lab.spec.name, '--yes']);
    expect(unsaid).toMatchObject({code: 2, stderr: expect.stringMatching(/flannel runs here \(n1: flanneld, .*--controller systemd/s)});
    const dry = await flanctl(['migrate', '--to', 'host-gw', '--controller', 'systemd', '--lab', lab.spec.name, '--dry-run', '-o', 'json']);
    const {plan, steps} = JSON.parse(dry.stdout) as ChangePlan;
    expect(plan.control).toEqual({by: 'systemd', before: JSON.parse(conf), after: {...JSON.parse(conf), Backend: {Type: 'host-gw'}}});
    expect(steps.filter((s) => s.stage.startsWith('flanneld of')).map((s) => s.node)).toEqual(['n1', 'n2', 'n3']);

    await using watch = await witness(lab);
    const there = await change(lab, 'migrate', '--to', 'host-gw', '--controller', 'systemd');
    expect(there).toMatchObject({code: 0, outcome: 'done', left: [], ledger: {total: {lost: 0, reordered: 0}}});
    expect(there.stages.map((s) => s.title)).toContain('flanneld of n3 is restarted');
    for (const {name} of lab.nodes) expect(await flannelds.restarts(name)).toBe(1);
    expect(JSON.parse(await put(lab, 'n3', 'cat /etc/kube-flannel/net-conf.json'))).toEqual(plan.control!.after);
    expect(await disturbed(lab, flannelds)).toEqual([]);
    await healthy(lab);

    expect(await change(lab, 'rollback')).toMatchObject({code: 0, outcome: 'done', left: []});
    for (const {name} of lab.nodes) {
      expect(await put(lab, name, 'cat /etc/kube-flannel/net-conf.json')).toBe(conf);
      expect(await flannelds.restarts(name)).toBe(2);
    }

    // n1 has been restarted and n2 was about to be, when the operator's machine lost its power: another one takes it back.
    const second = there.stages.findIndex((s) => s.title === 'flanneld of n2 is restarted');
    await killedAt(`${second}:before`, ['migrate', '--to', 'host-gw', '--controller', 'systemd', '--lab', lab.spec.name]);
    expect(await Promise.all(lab.nodes.map(({name}) => flannelds.restarts(name)))).toEqual([3, 2, 2]);
    process.env['XDG_STATE_HOME'] = elsewhere;
    expect(await change(lab, 'rollback')).toMatchObject({code: 0, outcome: 'done', left: []});
    process.env['XDG_STATE_HOME'] = state;
    for (const {name} of lab.nodes) expect(await put(lab, name, 'cat /etc/kube-flannel/net-conf.json')).toBe(conf);
    expect(await Promise.all(lab.nodes.map(({name}) => flannelds.restarts(name)))).toEqual([4, 2, 2]);
    expect(await disturbed(lab, flannelds)).toEqual([]);
    await flannelds.settle();
    expect(noticed(await watch.stop())).toEqual([]);
    await healthy(lab);
  }, 600_000);

  /** FLANCTL_TEST_LONG: what has another port is a third device for a while, and the flanneld that runs meanwhile wants the old port. */
  if (long)
    test('another port of the same VNI: flannel.1 is never away for as long as flanneld takes to make it anew; nobody notices, rolled back too', async () => {
      const lab = await labs.up({name: 'sd-port', dualStack: true, pods: 1});
      await rpFilter(lab, 1);
      await using flannelds = await Flannelds.start(lab, 1, 'FLANNELD_COMM=flanneld');
      await flannelds.asUnits();
      const ports = async () =>
        Promise.all(lab.nodes.map(async ({name}) => (await put(lab, name, 'ip -d link show type vxlan')).match(/dstport \d+/g)));
      await using watch = await witness(lab);
      const there = await change(lab, 'migrate', '--to', 'vxlan', '--vxlan-port', '4789', '--controller', 'systemd');
      expect(there).toMatchObject({code: 0, outcome: 'done', left: [], ledger: {total: {lost: 0, reordered: 0}}});
      expect(await ports()).toEqual(lab.nodes.map(() => ['dstport 4789', 'dstport 4789']));
      expect(await disturbed(lab, flannelds)).toEqual([]);
      await healthy(lab);
      expect(await change(lab, 'rollback')).toMatchObject({code: 0, outcome: 'done', left: []});
      expect(await ports()).toEqual(lab.nodes.map(() => ['dstport 8472', 'dstport 8472']));
      for (const {name} of lab.nodes) expect(await flannelds.restarts(name)).toBe(2);
      await flannelds.settle();
      expect(await disturbed(lab, flannelds)).toEqual([]);
      expect(noticed(await watch.stop())).toEqual([]);
      await healthy(lab);
    }, 600_000);

  test('its configuration in etcd: compare and swap, on the way back too; what somebody else wrote meanwhile is left and named', async () => {
    const lab = await labs.up({name: 'sd-etcd', nodes: 2, pods: 1});
    const pki = certificates('server', 'client');
    const url = 'https://192.168.77.11:2379';
    const etcdctl = `ETCDCTL_API=3 etcdctl --endpoints=${url} --cacert=${pki.ca} --cert=${pki.cert('client')} --key=${pki.key('client')}`;
    await put(
      lab,
      'n1',
      `setsid etcd --data-dir /run/etcd --listen-client-urls ${url} --advertise-client-urls ${url} --client-cert-auth --trusted-ca-file ${pki.ca} \\
  --cert-file ${pki.cert('server')} --key-file ${pki.key('server')} </dev/null >/run/etcd.log 2>&1 &
for i in $(seq 100); do ${etcdctl} endpoint health >/dev/null 2>&1 && exit 0; sleep 0.1; done; cat /run/etcd.log >&2; exit 1`,
    );
    const key = '/coreos.com/network/config';
    const get = () => put(lab, 'n1', `${etcdctl} get --print-value-only ${key}`);
    const set = (text: string) => put(lab, 'n1', `printf %s '${text}' | ${etcdctl} put ${key}`);
    const before = '{"Network": "10.244.0.0/16",\n\t"Backend": {"Type": "vxlan", "VNI": 1, "é\\"%": 7}}';
    await set(before);
    for (const {name} of lab.nodes) await put(lab, name, 'rm /etc/kube-flannel/net-conf.json');
    const variables = {ENDPOINTS: url, CAFILE: pki.ca, CERTFILE: pki.cert('client'), KEYFILE: pki.key('client')};
    const words = Object.entries(variables).map(([name, value]) => `FLANNELD_ETCD_${name}=${value}`);
    await using flannelds = await Flannelds.start(lab, 1, words.join(' '));
    await flannelds.asUnits();

    await using watch = await witness(lab);
    const dry = await flanctl(['migrate', '--to', 'host-gw', '--controller', 'systemd', '--lab', lab.spec.name, '--dry-run', '-o', 'json']);
    const planFile = join(state, 'plan.json');
    writeFileSync(planFile, dry.stdout);
    // A plan that was saved is run with its controller, and is stale when the configuration has moved.
    await set(before.replace('7', '8'));
    expect(await flanctl(['apply', '--plan', planFile, '--lab', lab.spec.name, '--yes'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("flanneld's configuration is not what the plan was made from"),
    });
    await set(before);
    expect(await change(lab, 'apply', '--plan', planFile)).toMatchObject({code: 0, outcome: 'done', left: []});
    // Only the Backend has changed, and all else is byte for byte as it was.
    expect(await get()).toBe('{"Network": "10.244.0.0/16",\n\t"Backend": { "Type": "host-gw" }}\n');
    expect(await disturbed(lab, flannelds)).toEqual([]);
    for (const {name} of lab.nodes) expect(await flannelds.restarts(name)).toBe(1);
    await healthy(lab);

    expect(await change(lab, 'rollback')).toMatchObject({code: 0, outcome: 'done'});
    expect(await get()).toBe(`${before}\n`);
    expect(noticed(await watch.stop())).toEqual([]);

    // Again, and somebody changes it between: a rollback does not write over that.
    expect(await change(lab, 'migrate', '--to', 'host-gw', '--controller', 'systemd')).toMatchObject({code: 0, outcome: 'done'});
    const theirs = '{"Network": "10.244.0.0/16", "Backend": {"Type": "host-gw"}, "EnableNFTables": false}';
    await set(theirs);
    const back = await change(lab, 'rollback');
    expect(back).toMatchObject({code: 5, outcome: 'stranded'});
    expect(JSON.stringify(back.left)).toContain('somebody else has changed it');
    expect(await get()).toBe(`${theirs}\n`);
  }, 450_000);
});
