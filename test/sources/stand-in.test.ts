import {readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, expect, test} from 'vitest';
import {parseAllDocuments} from 'yaml';
import type {NodeDump} from '../../src/core/node/dump.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {apiFailure, kubeClient} from '../../src/edge/sources/kube-client.js';
import {type KubernetesRead, kubernetesRecords} from '../../src/edge/sources/kubernetes.js';
import {loadBase} from '../bases/bases.js';
import {ApiServer} from '../kubernetes/api-server.js';
import type {PolicyRule} from '../kubernetes/rbac.js';
import {type KubeObject, kindNamed} from '../kubernetes/store.js';
import {objectsOf} from '../recorded.js';
import {type Certificates, kubeconfig, makeCertificates, scratch} from './tiny-api.js';

let pki: Certificates;
let api: ApiServer;
let dumps: readonly NodeDump[];
const place = scratch();
const root = join(import.meta.dirname, '../..');
const kinds = {nodes: '', configMaps: '', daemonSets: 'apps', pods: ''} as const;
const read = (
  parseAllDocuments(readFileSync(join(root, 'docs/rbac.yaml'), 'utf8'))
    .find((d) => d.toJS().metadata.name === 'flanctl-read' && d.toJS().rules)!
    .toJS() as {
    rules: readonly PolicyRule[];
  }
).rules;

beforeAll(async () => {
  pki = makeCertificates();
  dumps = await loadBase('vxlan');
});
beforeEach(async () => {
  await api?.[Symbol.asyncDispose]();
  api = new ApiServer({key: readFileSync(pki.key), cert: readFileSync(pki.cert), ca: readFileSync(pki.ca)});
  await api.start();
  api.users.push({name: 'reader', token: 'sesame', rules: read}, {name: 'late', token: 'old', expired: true});
  for (const [name, items] of Object.entries(objectsOf(dumps))) {
    const kind = kindNamed(name.toLowerCase(), kinds[name as keyof typeof kinds]);
    for (const item of items as readonly KubeObject[]) api.store.create(kind, item.metadata.namespace, item);
  }
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  place[Symbol.dispose]();
  rmSync(pki.dir, {recursive: true});
});

const asked = async (
  token = 'sesame',
  wish: Partial<Parameters<typeof kubernetesRecords>[1]> = {},
  timeoutMs = 10_000,
): Promise<KubernetesRead> => {
  const text = kubeconfig({server: api.url, 'certificate-authority': pki.ca}, {token});
  return kubernetesRecords(await kubeClient({kubeconfig: place.write('config', text), timeoutMs}), {
    pods: 'flannel',
    services: 'none',
    ...wish,
  });
};
const findings = async ({records}: KubernetesRead): Promise<readonly string[]> => {
  const nodes = async function* () {
    yield* dumps;
  };
  return (await diagnose({nodes}, {records}, rules)).findings.map((f) => f.id);
};

test('with the role that is shipped nothing is refused, and a healthy cluster is healthy by its records', async () => {
  const found = await asked('sesame', {pods: 'all', services: 'all'});
  expect(found.records.gaps).toEqual([]);
  expect(found.records.nodes.map((n) => [n.name, n.lease.managed])).toEqual([
    ['n1', true],
    ['n2', true],
    ['n3', true],
  ]);
  expect(await findings(found)).toEqual([]);
  expect(new Set(api.asked.map((a) => a.user))).toEqual(new Set(['reader']));
});

test('a permission that is missing is named as the server names it, and an expired token as what it is', async () => {
  api.users[0] = {name: 'reader', token: 'sesame', rules: read.filter((rule) => !rule.resources?.includes('daemonsets'))};
  const {records} = await asked();
  expect(records.gaps.map((gap) => gap.why.replace(/127\S+?: /, 'API: '))).toEqual([
    'listing the DaemonSets at API: the server forbids it: list daemonsets.apps in all namespaces is missing (403): daemonsets.apps is forbidden: User "reader" cannot list resource "daemonsets" in API group "apps" at the cluster scope',
  ]);
  // Without them the usual names are tried.
  expect(records.netConf?.where).toBe('ConfigMap kube-flannel/kube-flannel-cfg, net-conf.json');
  await expect(asked('old')).rejects.toMatchObject({exit: 2, message: expect.stringContaining('has expired (401)')});
});

test('the server cuts connections half-way: what had been read stands, the rest is named', async () => {
  api.trouble = (call) => (call.resource === 'nodes' ? undefined : 'close');
  // Asked again and again until its time is up.
  const closed = await asked('sesame', {}, 1500);
  expect(closed.records.nodes).toHaveLength(3);
  expect(closed.records.gaps.map((gap) => gap.what)).toEqual(['daemonsets', 'configmap']);
  expect(closed.records.gaps.map((gap) => gap.why).join()).toMatch(/the connection was cut/);
  expect(await findings(closed)).toEqual([]);
});

test('the server is stopped half-way, and is gone the next time', async () => {
  api.trouble = (call) => {
    if (call.resource !== 'nodes') void api.stop();
    return undefined;
  };
  const stopped = await asked();
  expect(stopped.records.nodes).toHaveLength(3);
  expect(stopped.records.gaps.map((gap) => gap.what)).toContain('configmap');
  await expect(asked()).rejects.toMatchObject({exit: 3, message: expect.stringContaining('connection refused')});
});

test('1 200 pods in pages, through 429, 500 and a forgotten page', async () => {
  const kind = kindNamed('pods');
  for (let n = 0; n < 1200; n++)
    api.store.create(kind, 'many', {metadata: {name: `p${n}`, namespace: 'many'}, status: {phase: 'Running'}} as KubeObject);
  let calls = 0;
  api.trouble = (call) => {
    if (call.resource !== 'pods') return undefined;
    calls++;
    return [{status: 429, headers: {'Retry-After': '0'}}, undefined, {status: 500}, undefined, {status: 410, reason: 'Expired'}][calls - 1];
  };
  const {records} = await asked('sesame', {pods: 'all'});
  expect(records.gaps).toEqual([]);
  expect(records.pods).toHaveLength(1203);
  expect(new Set(records.pods!.map((p) => `${p.namespace}/${p.name}`)).size).toBe(1203);
  // Two pages and their mishaps, and all three again.
  expect(calls).toBe(8);
});

test('what the records cannot be is one message', async () => {
  api.trouble = () => 'hang';
  const text = kubeconfig({server: api.url, 'certificate-authority': pki.ca});
  const client = await kubeClient({kubeconfig: place.write('config', text), timeoutMs: 200});
  const error = await kubernetesRecords(client, {pods: 'flannel', services: 'none'}).catch((thrown: unknown) => apiFailure(thrown, ''));
  expect(error).toMatchObject({
    exit: 3,
    message: expect.stringMatching(/^listing the nodes at 127\.0\.0\.1:\d+: no answer within 0\.2 s$/),
  });
});
