import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {breakLab, faultNamed, fixLab} from '../../src/edge/lab/break.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {doctor, flanctl, type Report} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {makeCertificates} from '../sources/tiny-api.js';
import {LabCluster} from './lab-cluster.js';

/** The same cluster by ssh, and by nothing but a kubeconfig. */
const labs = testLabs();
let lab: Lab;
let cluster: LabCluster;
const ssh = (): string[] => ['--lab', lab.spec.name];
const kube = (config = cluster.config): string[] => ['--kubeconfig', config, '--via', 'kube'];
const said = ({findings}: Report): readonly string[] => findings.map((f) => `${f.rule} ${f.severity} ${f.node} ${f.message}`).sort();

/**
 * Faults that show in the node's own network, every second one between long runs; what is in files of the host only an exec in flannel's pod
 * does not see.
 */
const faults = [
  'route-deleted',
  'own-subnet-sent-away',
  'neighbour-deleted',
  'neighbour-wrong',
  'fdb-row-deleted',
  'fdb-row-wrong',
  'tunnel-mtu-lowered',
  'forwarding-off',
  'bridge-down',
  'forward-policy-drop',
  'masquerade-lost',
].filter((_, i) => i % 2 === 0 || process.env['FLANCTL_TEST_LONG'] !== undefined);

describe.skipIf(!labsWork)('doctor with nothing but a kubeconfig', () => {
  beforeAll(async () => {
    lab = await labs.up({name: 'kube-doc', nodes: 3, pods: 1, ssh: true});
    cluster = await LabCluster.of(lab);
  }, 150_000);
  afterAll(() => cluster[Symbol.asyncDispose]());

  test('healthy, and with faults: the same as over ssh', async () => {
    const [a, b] = await Promise.all([doctor(ssh()), doctor(kube())]);
    expect({code: a.code, findings: said(a)}).toEqual({code: 0, findings: []});
    expect(said(b)).toEqual([]);
    for (const id of faults) {
      await breakLab(lab.spec.name, faultNamed(id));
      const [there, here] = await Promise.all([doctor(ssh()), doctor(kube())]);
      expect({id, said: said(here)}).toEqual({id, said: said(there)});
      expect({id, some: said(there).length > 0}).toEqual({id, some: true});
      expect(here.code).toBe(there.code);
      await fixLab(lab.spec.name, faultNamed(id));
    }
    expect(said(await doctor(kube()))).toEqual([]);
  }, 300_000);

  test('the API goes down half-way: what was read is judged, the rest is named, exit 3', async () => {
    let execs = 0;
    cluster.api.trouble = ({subresource}) => {
      if (subresource !== 'exec' || ++execs < 3) return undefined;
      void cluster.api.stop();
      return 'close';
    };
    try {
      const half = await doctor([...kube(), '--concurrency', '1', '--timeout', '5']);
      expect(half.code).toBe(3);
      expect(half.gaps.map((g) => g.node)).toContain('n3');
      const dead = await flanctl(['doctor', ...kube(), '--timeout', '3']);
      expect(dead).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringMatching(/127\.0\.0\.1:\d+.*(refused|not reached|cannot be reached)/i),
      });
      // With an inventory, the API is only a witness less.
      const without = await doctor([...ssh(), '--kubeconfig', cluster.config, '--timeout', '5']);
      expect({code: without.code, findings: said(without)}).toEqual({code: 3, findings: []});
      const traced = await flanctl(['trace', 'n1-p1', 'n2-p1', ...ssh(), '--kubeconfig', cluster.config, '--timeout', '5']);
      // The way itself was seen whole: what the API would have said of it does not decide.
      expect(traced).toMatchObject({code: 0, stdout: expect.stringContaining('reachable both ways')});
      const named = await flanctl(['trace', 'shop/web', 'n2-p1', ...ssh(), '--kubeconfig', cluster.config, '--timeout', '5']);
      expect(named).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringMatching(/error: what shop\/web is cannot be known: no records of /),
      });
    } finally {
      cluster.api.trouble = () => undefined;
      await cluster.api.stop();
      await cluster.api.start();
    }
  }, 150_000);

  test('who may not, comes too late, or meets another server is told in one message', async () => {
    const denied = {name: 'denied', token: 'no', rules: [{apiGroups: [''], resources: ['configmaps'], verbs: ['get']}]};
    cluster.api.users.push(denied, {name: 'late', token: 'late', expired: true});
    const other = makeCertificates();
    const run = (name: string, user: object, more: object = {}) =>
      flanctl(['doctor', ...kube(cluster.kubeconfig(name, user, more)), '--timeout', '5']);
    const [forbidden, late, ca] = await Promise.all([
      run('denied', {token: 'no'}),
      run('late', {token: 'late'}),
      run('ca', {token: 'sesame'}, {'certificate-authority': other.ca}),
    ]);
    expect(forbidden).toMatchObject({code: 2, stderr: expect.stringMatching(/list.*nodes/)});
    expect(late).toMatchObject({code: 2, stderr: expect.stringMatching(/401|credentials|Unauthorized/i)});
    expect(ca).toMatchObject({code: 2, stderr: expect.stringMatching(/certificate/i)});
    for (const {stderr} of [forbidden, late, ca]) expect(stderr.match(/^error:/gm)).toHaveLength(1);
  }, 150_000);

  test('410 begins the listing anew, 429 and 500 pass', async () => {
    const troubles = [{status: 410, reason: 'Expired'}, {status: 429, headers: {'Retry-After': '0'}}, {status: 500}];
    cluster.api.trouble = ({resource, subresource}) => (resource === 'nodes' && subresource === undefined ? troubles.shift() : undefined);
    const {code, findings} = await doctor(kube());
    expect({code, findings, troubles}).toEqual({code: expect.any(Number), findings: [], troubles: []});
    cluster.api.trouble = () => undefined;
  }, 150_000);
});
