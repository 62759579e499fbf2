import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {doctor, flanctl, type Report} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {daemonSet, node as nodeObject} from '../sources/objects.js';
import {kubeconfig, scratch} from '../sources/tiny-api.js';
import {ExecApi} from './exec-api.js';

const labs = testLabs();
const place = scratch();
const api = new ExecApi();
let lab: Lab;
let config: string;
const kube = (...more: string[]): string[] => ['--kubeconfig', config, ...more];
const whole = ['--via', 'debug', '--debug-image', 'tools:1'];
/** What is said of the network; what the records make of flannel's DaemonSet is the same whoever reads. */
const found = ({findings}: Report): readonly string[] =>
  findings
    .filter((f) => f.severity !== 'info')
    .map((f) => `${f.rule} ${f.node} ${f.message}`)
    .sort();

describe.skipIf(!labsWork)('a lab behind an API server', () => {
  beforeAll(async () => {
    lab = await labs.up({name: 'kubevia', nodes: 2, pods: 1});
    config = place.write('config', kubeconfig({server: await api.listen(), 'insecure-skip-tls-verify': true}));
    api.listings.set('/apis/apps/v1/daemonsets', [daemonSet('kube-flannel', 'kube-flannel-ds')]);
    api.listings.set(
      '/api/v1/nodes',
      lab.nodes.map(({name, ip, subnet, vtepMac}) => {
        const own = nodeObject(name, 1, {
          'flannel.alpha.coreos.com/public-ip': ip,
          'flannel.alpha.coreos.com/backend-data': JSON.stringify({VNI: 1, VtepMAC: vtepMac}),
        });
        return {...own, spec: {podCIDR: subnet, podCIDRs: [subnet]}, status: {addresses: [{type: 'InternalIP', address: ip}]}};
      }),
    );
  }, 150_000);
  beforeEach(() => {
    api.pods.clear();
    for (const {name} of lab.nodes) api.add(`flannel-${name}`, name);
    const pidOf = (pod: string) => lab.nodes.find((n) => pod.includes(`-${n.name}`))!.pid!;
    api.exec = (pod) => ({enter: ['nsenter', '-t', String(pidOf(pod)), '-m', '-u', '-n', '-p', '--']});
  });
  afterAll(async () => {
    await api.close();
    place[Symbol.dispose]();
  });

  test('read in flannel’s own pods: the same findings of the network, gaps for what those pods do not see, and none made up', async () => {
    const [direct, through] = await Promise.all([doctor(['--lab', 'kubevia', '--kubeconfig', config]), doctor(kube('--via', 'kube'))]);
    expect({code: direct.code, findings: found(direct)}).toEqual({code: 0, findings: []});
    expect({code: through.code, findings: found(through)}).toEqual({code: 3, findings: []});
    expect(through.gaps.map((g) => `${g.node} ${g.what} ${g.why}`)).toEqual(
      ['n1', 'n2'].flatMap((n) => ['cni/net.d', 'cni-bin', 'pods'].map((what) => `${n} ${what} not-visible-in-pod`)),
    );
  }, 150_000);

  test('a fault is found alike by every way, and a pod made for it sees all', async () => {
    await runIn(lab, 'n1', ['ip', 'route', 'del', lab.nodes[1]!.subnet]);
    try {
      const [through, debug] = await Promise.all([doctor(kube('--via', 'kube')), doctor(kube(...whole))]);
      expect(found(through)).toEqual([expect.stringMatching(/^route-missing n1 /)]);
      expect({code: debug.code, findings: found(debug), gaps: debug.gaps}).toEqual({code: 1, findings: found(through), gaps: []});
      expect([...api.pods.keys()].filter((name) => name.startsWith('flanctl-'))).toEqual([]);
      expect(api.asked.filter((line) => line.startsWith('DELETE'))).toHaveLength(2);
    } finally {
      await runIn(lab, 'n1', ['ip', 'route', 'replace', lab.nodes[1]!.subnet, 'via', '10.244.2.0', 'dev', 'flannel.1', 'onlink']);
    }
  }, 150_000);

  test('an old image, with busybox and nothing else: the same fault, gaps for the tools, and nothing made up', async () => {
    for (const {name} of lab.nodes) await runIn(lab, name, 'mkdir -p /run/bb && busybox --install -s /run/bb');
    const inNode = api.exec;
    const image = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /usr/sbin; PATH=/run/bb; export PATH; exec "$@"', 'sh'];
    api.exec = (pod, query) => ({enter: [...(inNode(pod, query).enter ?? []), ...image]});
    await runIn(lab, 'n1', ['ip', 'route', 'del', lab.nodes[1]!.subnet]);
    try {
      const report = await doctor(kube('--via', 'kube'));
      expect(found(report)).toEqual([expect.stringMatching(/^route-missing n1 /)]);
      expect(report.gaps.map((g) => `${g.node} ${g.what}`)).toEqual(expect.arrayContaining(['n1 bridge-fdb', 'n2 bridge-fdb', 'n1 pods']));
    } finally {
      await runIn(lab, 'n1', ['ip', 'route', 'replace', lab.nodes[1]!.subnet, 'via', '10.244.2.0', 'dev', 'flannel.1', 'onlink']);
    }
  }, 150_000);

  test('a node without its pod is read by the next way, which is said, and its line says which', async () => {
    api.pods.delete('flannel-n2');
    const file = join(place.dir, 'mixed.ndjson');
    const ran = await flanctl(['gather', ...kube('--via', 'kube,debug', '--debug-image', 'tools:1', '-f', file, '-o', 'json')]);
    expect(ran.stderr).toMatch(/^n2: no pod of flannel runs there: taking debug kube-flannel\/flanctl-n2-\S+ instead$/m);
    expect(ran.stderr).not.toMatch(/n1: .*instead/);
    const nodes = (JSON.parse(ran.stdout) as {nodes: {node: string; via: string}[]}).nodes;
    expect(nodes.map((n) => `${n.node} ${n.via.replace(/-[0-9a-f]{8}$/, '')}`)).toEqual([
      'n1 kube kube-flannel/flannel-n1',
      'n2 debug kube-flannel/flanctl-n2',
    ]);
    expect([...api.pods.keys()]).toEqual(['flannel-n1']);
  }, 150_000);

  test('an inventory whose nodes are reached in different ways, each as it says there', async () => {
    const inventory = place.write(
      'nodes.yaml',
      `apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\nnodes:\n  - {name: n1, via: netns, pid: ${lab.nodes[0]!.pid}}\n  - {name: n2, via: kube}\n`,
    );
    const file = join(place.dir, 'listed.ndjson');
    const ran = await flanctl(['gather', '--inventory', inventory, '--kubeconfig', config, '-f', file, '-o', 'json']);
    const nodes = (JSON.parse(ran.stdout) as {nodes: {node: string; via: string}[]}).nodes;
    expect({code: ran.code, via: nodes.map((n) => `${n.node} ${n.via.replace(/\(.*/, '')}`)}).toEqual({
      code: 0,
      via: ['n1 netns ', 'n2 kube kube-flannel/flannel-n2'],
    });
  }, 150_000);

  test('a change through pods alone is refused before anything is planned', async () => {
    const ran = await flanctl(['migrate', '--to', 'host-gw', '--yes', ...kube('--via', 'kube')]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/error: n1: a change keeps a journal and a timer on the node, .*--via ssh\n {2}→ Changes go by SSH/);
    expect(ran.stdout).toBe('');
  }, 150_000);

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    '%s in the middle leaves no pod',
    async (signal, code) => {
      api.exec = () => ({hang: true});
      const before = api.asked.length;
      const child = spawn(process.execPath, [join(import.meta.dirname, '../../bin/run.js'), 'doctor', ...kube(...whole)], {
        stdio: 'ignore',
      });
      const ended = new Promise((done) => {
        child.once('exit', done);
      });
      await expect.poll(() => api.asked.slice(before).filter((line) => line.startsWith('EXEC')).length, {timeout: 30_000}).toBe(2);
      expect([...api.pods.keys()].filter((name) => name.startsWith('flanctl-'))).toHaveLength(2);
      child.kill(signal);
      expect(await ended).toBe(code);
      expect([...api.pods.keys()].filter((name) => name.startsWith('flanctl-'))).toEqual([]);
    },
    60_000,
  );
});
