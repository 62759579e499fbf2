import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {holdLease} from '../../src/edge/change/kube-lease.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangePlan, ChangeReport} from '../../src/edge/reporters/documents.js';
import {kubeClient} from '../../src/edge/sources/kube-client.js';
import {Flannelds} from '../change/flanneld.js';
import {rpFilter} from '../change/rehearse.js';
import {noticed, witness} from '../change/witness.js';
import {doctor, flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {LabCluster} from './lab-cluster.js';
import {rulesOf} from './rbac.js';
import {type KubeObject, kindNamed} from './store.js';

/** `flanctl migrate --controller kube` on a lab that Kubernetes knows: a ConfigMap, a DaemonSet, a flanneld on every node. */
const labs = testLabs();
const state = mkdtempSync(join(tmpdir(), 'flanctl-state-'));
process.env['XDG_STATE_HOME'] = state;
afterAll(() => rmSync(state, {recursive: true, force: true}));

let lab: Lab;
let cluster: LabCluster;
let flannelds: Flannelds;
/** What happens when a node's flannel pod was deleted; each test may have its own. */
let restart: (node: string) => Promise<boolean>;
const restarted: string[] = [];
const env = {FLANCTL_POD_PATIENCE: '6'};
/** Seconds for which the API server is away between two nodes; in the long run a whole minute. */
const away = process.env['FLANCTL_TEST_LONG'] === undefined ? 3 : 60;
/** With the roles under docs/ and nothing else. */
let config: string;
const source = (): string[] => ['--lab', lab.spec.name, '--kubeconfig', config];
const roles = ['rbac.yaml', 'rbac-migrate.yaml'].flatMap((file) =>
  rulesOf(readFileSync(join(import.meta.dirname, '../../docs', file), 'utf8'), 'flanctl'),
);

const [configMaps, nodes, events] = [kindNamed('configmaps'), kindNamed('nodes'), kindNamed('events')];
const data = (): {readonly [key: string]: string} =>
  cluster.api.store.get(configMaps, 'kube-flannel', 'kube-flannel-cfg')['data'] as {[key: string]: string};

async function change(...words: readonly string[]): Promise<ChangeReport & {readonly code: number | null; readonly stderr: string}> {
  const ran = await flanctl([...words, ...source(), '--yes', '-o', 'json'], env);
  if (!ran.stdout.startsWith('{')) throw new Error(`${words.join(' ')}: exit ${ran.code}: ${ran.stderr}`);
  return {...(JSON.parse(ran.stdout) as ChangeReport), code: ran.code, stderr: ran.stderr};
}
const there = (...more: readonly string[]) => change('migrate', '--to', 'host-gw', '--controller', 'kube', ...more);

async function expectBackend(type: string): Promise<void> {
  expect(JSON.parse(data()['net-conf.json']!).Backend.Type).toBe(type);
  const said = cluster.api.store
    .list(nodes, undefined)
    .map((n: KubeObject) => n.metadata.annotations!['flannel.alpha.coreos.com/backend-type']);
  expect(said).toEqual(lab.nodes.map(() => type));
  const {findings, notEvaluated, code} = await doctor(source());
  expect({findings, notEvaluated, code}).toEqual({findings: [], notEvaluated: [], code: 0});
  expect((await labPing(lab)).pairs.filter((p) => !p.small)).toEqual([]);
}

describe.skipIf(!labsWork)('migrate with flannel in a DaemonSet', () => {
  beforeAll(async () => {
    lab = await labs.up({name: 'kube-mig', nodes: 3, pods: 1});
    await rpFilter(lab, 1);
    flannelds = await Flannelds.start(lab, 1, 'FLANNELD_COMM=1');
    cluster = await LabCluster.of(lab, {
      restart: async (node) => {
        restarted.push(node);
        return restart(node);
      },
    });
    cluster.api.users.push({name: 'system:serviceaccount:kube-system:flanctl', token: 'roles', rules: roles});
    config = cluster.kubeconfig('roles', {token: 'roles'});
  }, 240_000);
  beforeEach(() => {
    restarted.length = 0;
    cluster.api.asked.length = 0;
    cluster.api.trouble = () => undefined;
    restart = async (node) => {
      await flannelds.restart(node);
      return true;
    };
  });
  afterAll(async () => {
    await flannelds[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  test('the ConfigMap, one pod after the other, and back; all else byte for byte; nobody notices', async () => {
    const before = data();
    const dry = await flanctl(['migrate', '--to', 'host-gw', '--controller', 'kube', ...source(), '--dry-run', '-o', 'json']);
    const {plan} = JSON.parse(dry.stdout) as ChangePlan;
    expect(plan.control).toMatchObject({by: 'kube', before: {Backend: {Type: 'vxlan'}}, after: {Backend: {Type: 'host-gw'}}});
    expect(data()).toEqual(before);
    cluster.api.asked.length = 0;

    await using watch = await witness(lab);
    const report = await there();
    expect(report).toMatchObject({code: 0, outcome: 'done', left: [], ledger: {total: {lost: 0, reordered: 0}}});
    expect(restarted).toEqual(['n1', 'n2', 'n3']);
    expect(data()['cni-conf.json']).toBe(before['cni-conf.json']);
    expect(data()['net-conf.json']).toBe(
      before['net-conf.json']!.replace(/"Backend": \{[^}]*\}/, '"Backend": {\n    "Type": "host-gw"\n  }'),
    );
    const event = cluster.api.store.list(events, 'kube-flannel')[0];
    expect(event).toMatchObject({reason: 'BackendChanged', involvedObject: {name: 'kube-flannel-cfg'}});
    const writes = new Set(cluster.api.asked.filter((a) => !['get', 'list'].includes(a.verb)).map((a) => `${a.verb} ${a.resource}`));
    writes.delete('patch leases');
    expect([...writes].sort()).toEqual(['create events', 'create leases', 'delete leases', 'delete pods', 'patch configmaps']);
    await expectBackend('host-gw');

    // Nothing but the journals tells it what to undo; the API server is the one that the change was made with.
    const back = await flanctl(['rollback', '--yes', '-o', 'json'], env);
    expect(JSON.parse(back.stdout)).toMatchObject({outcome: 'done', left: []});
    expect(data()).toEqual(before);
    expect(restarted.slice(3)).toEqual(['n3', 'n2', 'n1']);
    await expectBackend('vxlan');
    expect(noticed(await watch.stop())).toEqual([]);
  }, 300_000);

  test('somebody else writes the ConfigMap meanwhile; a node joins with the old backend; a pod is never ready: rolled back, nothing mixed', async () => {
    const before = data();
    // Another key of it is nobody's business; the same key is.
    let foreign: {readonly [key: string]: string} = {other: 'x'};
    cluster.api.trouble = ({verb, resource}) => {
      if (verb !== 'patch' || resource !== 'configmaps' || Object.keys(foreign).length === 0) return undefined;
      const map = cluster.api.store.get(configMaps, 'kube-flannel', 'kube-flannel-cfg');
      cluster.api.store.update(configMaps, 'kube-flannel', 'kube-flannel-cfg', {...map, data: {...(map['data'] as object), ...foreign}});
      foreign = {};
      return undefined;
    };
    expect(await there()).toMatchObject({code: 0, outcome: 'done'});
    expect(data()['other']).toBe('x');
    expect(await change('rollback')).toMatchObject({code: 0});
    const theirs = before['net-conf.json']!.replace('"Network"', '"EnableNFTables": false, "Network"');
    foreign = {'net-conf.json': theirs};
    const conflict = await there();
    expect(conflict).toMatchObject({code: 4, outcome: 'rolled-back'});
    expect(conflict.because.join()).toContain('somebody else has changed it');
    expect(data()['net-conf.json']).toBe(theirs);
    const map = cluster.api.store.get(configMaps, 'kube-flannel', 'kube-flannel-cfg');
    cluster.api.store.update(configMaps, 'kube-flannel', 'kube-flannel-cfg', {...map, data: before});

    cluster.api.trouble = ({verb, resource}) => {
      if (verb === 'list' && resource === 'nodes' && joined === 0) joined = 1;
      else if (verb === 'list' && resource === 'nodes' && joined === 1) {
        joined = 2;
        const n1 = cluster.api.store.get(nodes, undefined, 'n1');
        cluster.api.store.create(nodes, undefined, {...n1, metadata: {name: 'n9', annotations: n1.metadata.annotations!}});
      }
      return undefined;
    };
    let joined = 0;
    const late = await there();
    expect(late).toMatchObject({code: 4, outcome: 'rolled-back'});
    expect(late.because.join()).toContain('nodes that the plan does not know run vxlan: n9');
    cluster.api.store.delete(nodes, undefined, 'n9');
    expect(data()).toEqual(before);

    cluster.api.trouble = () => undefined;
    let never = true;
    restart = async (node) => {
      await flannelds.restart(node);
      if (node === 'n2' && never) {
        never = false;
        return false;
      }
      return true;
    };
    const stuck = await there();
    expect(stuck).toMatchObject({code: 4, outcome: 'rolled-back', left: []});
    expect(stuck.because.join()).toContain('the flannel pod of n2 is not ready with host-gw after 6 s: Pending');
    expect(data()).toEqual(before);
    await expectBackend('vxlan');
  }, 450_000);

  test('the API server is away between two nodes: waited for; killed in between: --resume ends it', async () => {
    restart = async (node) => {
      await flannelds.restart(node);
      if (node !== 'n1') return true;
      setTimeout(async () => {
        await cluster.api.stop();
        setTimeout(() => void cluster.api.start(), away * 1000);
      }, 50);
      return true;
    };
    await using outage = await witness(lab);
    const patient = {FLANCTL_POD_PATIENCE: String(away + 30)};
    const ran = await flanctl(['migrate', '--to', 'host-gw', '--controller', 'kube', ...source(), '--yes', '-o', 'json'], patient);
    const waited = JSON.parse(ran.stdout) as ChangeReport;
    expect(waited).toMatchObject({outcome: 'done', left: [], ledger: {total: {lost: 0, reordered: 0}}});
    expect(ran).toMatchObject({code: 0, stderr: expect.stringMatching(/waiting for it/)});
    expect(noticed(await outage.stop())).toEqual([]);
    await expectBackend('host-gw');
    // It goes away again while the first node goes back.
    const back = await flanctl(['rollback', ...source(), '--yes', '-o', 'json'], patient);
    expect(back).toMatchObject({code: 0, stderr: expect.stringMatching(/waiting for it/)});

    const words = ['migrate', '--to', 'host-gw', '--controller', 'kube', ...source(), '--yes', '--ttl', '10'];
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../bin/run.js'), ...words], {stdio: 'ignore'});
    const ended = new Promise((done) => child.once('exit', done));
    restart = async (node) => {
      if (node === 'n2') child.kill('SIGKILL');
      await flannelds.restart(node);
      return true;
    };
    await ended;
    expect(JSON.parse(data()['net-conf.json']!).Backend.Type).toBe('host-gw');
    restart = async (node) => {
      await flannelds.restart(node);
      return true;
    };
    await using watch = await witness(lab);
    expect(await change('migrate', '--resume')).toMatchObject({code: 0, outcome: 'done', left: []});
    expect(noticed(await watch.stop())).toEqual([]);
    await expectBackend('host-gw');
    expect(await change('rollback')).toMatchObject({code: 0});
    await expectBackend('vxlan');
  }, 1_000_000);

  test('whoever keeps the ConfigMap elsewhere is waited for; two operators are one too many', async () => {
    const before = data();
    const [alone, odd, dry] = await Promise.all([
      flanctl(['migrate', '--to', 'host-gw', '--pre-flipped', ...source(), '--yes']),
      flanctl(['rollback', ...source(), '--yes'], {FLANCTL_POD_PATIENCE: 'long'}),
      flanctl(['migrate', '--to', 'host-gw', '--controller', 'kube', '--pre-flipped', ...source(), '--dry-run', '-o', 'json']),
    ]);
    expect(alone).toMatchObject({code: 2, stderr: expect.stringContaining('--pre-flipped goes with --controller kube')});
    expect(odd).toMatchObject({code: 2, stderr: expect.stringContaining('FLANCTL_POD_PATIENCE: seconds, from 1 to 3600')});
    // A plan that is saved goes on waiting when it is run.
    expect((JSON.parse(dry.stdout) as ChangePlan).plan.control).toMatchObject({by: 'kube', wait: true});
    cluster.api.asked.length = 0;
    const asked = there('--pre-flipped');
    await expect
      .poll(() => cluster.api.asked.filter((a) => a.verb === 'get' && a.resource === 'configmaps').length, {timeout: 60_000})
      .toBeGreaterThan(3);
    const other = await flanctl(['migrate', '--to', 'host-gw', '--controller', 'kube', ...source(), '--yes'], env);
    expect(other).toMatchObject({code: 1, stdout: expect.stringMatching(/since/)});
    // One who would change other nodes of the cluster meets the Lease.
    const client = await kubeClient({kubeconfig: cluster.config, timeoutMs: 5000});
    await expect(holdLease(client, 'kube-flannel', 'me, 1', 15)).rejects.toThrow(/^Lease kube-flannel\/flanctl is held by .* since 20/);
    expect(data()).toEqual(before);
    const map = cluster.api.store.get(configMaps, 'kube-flannel', 'kube-flannel-cfg');
    const text = JSON.stringify({...JSON.parse(before['net-conf.json']!), Backend: {Type: 'host-gw'}});
    cluster.api.store.update(configMaps, 'kube-flannel', 'kube-flannel-cfg', {...map, data: {...before, 'net-conf.json': text}});
    const report = await asked;
    expect(report).toMatchObject({code: 0, outcome: 'done', left: []});
    expect(report.stderr).toContain('waiting for net-conf.json of ConfigMap kube-flannel/kube-flannel-cfg to become: {"Network"');
    await expectBackend('host-gw');
  }, 300_000);
});
