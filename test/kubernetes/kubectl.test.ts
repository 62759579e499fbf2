import {type ChildProcess, execFile, spawn} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {kubeClient} from '../../src/edge/sources/kube-client.js';
import {cluster} from '../sources/objects.js';
import {type Certificates, kubeconfig, makeCertificates, scratch} from '../sources/tiny-api.js';
import {ApiServer} from './api-server.js';
import {type Kubectl, kubectls} from './kubectls.js';
import {kindNamed} from './store.js';

/** The test of the stand-in: each kubectl as it is takes it for an API server. */
const programs = await kubectls();
const pki: Certificates = makeCertificates();
let api: ApiServer;
let config: string;
let program: Kubectl;
const place = scratch();

const begin = async (): Promise<void> => {
  api = new ApiServer({key: readFileSync(pki.key), cert: readFileSync(pki.cert), ca: readFileSync(pki.ca)});
  await api.start();
  api.users.push({name: 'admin', token: 'sesame'}, {name: 'jane'}, {name: 'late', token: 'old', expired: true});
  api.users.push({name: 'reader', token: 'read', rules: [{apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list']}]});
  for (const [path, objects] of Object.entries(cluster)) {
    const [, group, plural] = /^\/(?:api|apis\/([^/]+))\/v1\/(?:namespaces\/[^/]+\/)?([^/]+)$/.exec(path)!;
    for (const object of objects as unknown as {metadata: {name: string; namespace?: string}}[])
      api.store.create(kindNamed(plural!, group), object.metadata.namespace, object);
  }
  api.exec = (_pod, _container, [program = '', ...args]): ChildProcess => spawn(program, args);
  config = place.write('config', kubeconfig({server: api.url, 'certificate-authority': pki.ca}));
};
afterAll(() => {
  place[Symbol.dispose]();
  rmSync(pki.dir, {recursive: true});
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
const kubectl = (
  args: readonly string[],
  {input = '', as = config, env: more = {}}: {input?: string | Buffer; as?: string; env?: NodeJS.ProcessEnv} = {},
): Promise<Ran> =>
  new Promise((resolve) => {
    const env = {PATH: process.env['PATH'], HOME: place.dir, KUBECONFIG: as, ...more};
    const child = execFile(program.path, [...args], {env, maxBuffer: 1e7, timeout: 30_000}, (error, stdout, stderr) =>
      resolve({code: error ? Number(error.code ?? -1) : 0, stdout, stderr}),
    );
    child.stdin!.end(input);
  });
const did = async (...args: readonly string[]): Promise<string> => {
  const ran = await kubectl(args);
  if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${ran.code}: ${ran.stderr}`);
  return ran.stdout;
};

describe.each(programs)('kubectl $version', (which) => {
  beforeAll(async () => {
    program = which;
    await begin();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  test('gets nodes, pods of all namespaces, one object as JSON, by label and by field, and in pages', async () => {
    expect(await did('get', 'nodes', '-o', 'name')).toBe('node/n1\nnode/n2\n');
    expect(await did('get', 'nodes')).toMatch(/^NAME +AGE\nn1 /);
    expect(await did('get', 'pods', '-A', '-o', 'wide')).toMatch(/kube-flannel +kube-flannel-ds-a/);
    expect(JSON.parse(await did('get', 'cm', '-n', 'kube-flannel', 'kube-flannel-cfg', '-o', 'json')).data['cni-conf.json']).toBe('{}');
    expect(await did('get', 'pods', '-A', '-l', 'app=flannel', '--field-selector', 'spec.nodeName=n2', '-o', 'name')).toBe(
      'pod/kube-flannel-ds-b\n',
    );
    expect(await did('get', 'ds', '-n', 'kube-flannel', '-o', 'name')).toBe('daemonset.apps/kube-flannel-ds\n');
    expect(await did('get', 'nodes', '--chunk-size=1', '-o', 'name')).toBe('node/n1\nnode/n2\n');
    expect(await kubectl(['get', 'nodes', 'n9'])).toMatchObject({code: 1, stderr: expect.stringContaining('nodes "n9" not found')});
  });

  test('patches in three ways, is told of a conflict, creates, waits and deletes', async () => {
    const data = async () => JSON.parse(await did('get', 'cm', '-n', 'kube-flannel', 'kube-flannel-cfg', '-o', 'json'));
    const patch = (type: string, body: unknown) =>
      kubectl(['patch', 'cm', '-n', 'kube-flannel', 'kube-flannel-cfg', '--type', type, '-p', JSON.stringify(body)]);
    const before = await data();
    expect((await patch('merge', {data: {other: null, new: 'x'}})).code).toBe(0);
    expect((await patch('json', [{op: 'replace', path: '/data/new', value: 'y'}])).code).toBe(0);
    expect((await patch('strategic', {metadata: {labels: {a: 'b'}}})).code).toBe(0);
    const after = await data();
    expect(after).toMatchObject({data: {new: 'y', 'cni-conf.json': '{}'}, metadata: {labels: {a: 'b'}, uid: before.metadata.uid}});
    expect(after.data.other).toBeUndefined();
    expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    const stale = await patch('merge', {metadata: {resourceVersion: before.metadata.resourceVersion}, data: {new: 'z'}});
    expect(stale).toMatchObject({code: 1, stderr: expect.stringContaining('the object has been modified')});
    expect((await patch('json', [{op: 'test', path: '/data/new', value: 'q'}])).code).toBe(1);
    const conditions = {status: {conditions: [{type: 'NetworkUnavailable', status: 'True'}]}};
    // Before v1.24 no subresource could be named: the whole of it is put in its place.
    if (program.webSocket) await did('patch', 'node', 'n1', '--subresource=status', '-p', JSON.stringify(conditions));
    else {
      const node = JSON.parse(await did('get', 'node', 'n1', '-o', 'json'));
      node.status.conditions.splice(2, 1, ...conditions.status.conditions);
      const put = await kubectl(['replace', '--validate=false', '--raw', '/api/v1/nodes/n1/status', '-f', '-'], {
        input: JSON.stringify(node),
      });
      expect(put).toMatchObject({code: 0, stderr: ''});
    }
    const {status} = JSON.parse(await did('get', 'node', 'n1', '-o', 'json'));
    expect(status.conditions.map((c: {type: string; status: string}) => `${c.type} ${c.status}`)).toEqual([
      'MemoryPressure False',
      'Ready True',
      'NetworkUnavailable True',
    ]);
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {name: 'l', namespace: 'default'},
      spec: {holderIdentity: 'me'},
    };
    expect(await kubectl(['create', '--validate=false', '-f', '-'], {input: JSON.stringify(lease)})).toMatchObject({code: 0});
    expect((await kubectl(['create', '--validate=false', '-f', '-'], {input: JSON.stringify(lease)})).stderr).toContain('already exists');
    expect(await did('delete', 'lease', 'l')).toContain('"l" deleted');
    expect(await did('delete', 'pod', '-n', 'kube-flannel', '-l', 'app=flannel', '--field-selector', 'spec.nodeName=n2')).toContain(
      'pod "kube-flannel-ds-b" deleted',
    );
  });

  // What may go over WebSocket may be told to go over SPDY.
  test.each(which.webSocket ? ['WebSocket', 'SPDY'] : ['SPDY'])(
    'runs a command in a pod over %s: words, stdin, both outputs, exit code',
    async (by) => {
      const pod = ['exec', '-n', 'kube-flannel', 'kube-flannel-ds-a', '-c', 'kube-flannel'];
      const env = {KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(by === 'WebSocket')};
      const before = api.asked.length;
      const ran = await kubectl([...pod, '-i', '--', 'sh', '-c', 'cat; echo oops >&2; exit 7'], {input: 'some\ntext', env});
      expect(ran).toMatchObject({code: 7, stdout: 'some\ntext', stderr: expect.stringContaining('oops')});
      const execs = api.asked.slice(before).filter((a) => a.subresource === 'exec');
      expect(execs.map((a) => `${a.verb} ${a.resource} ${a.name}`)).toEqual(
        (by === 'WebSocket' ? ['get', 'create'] : ['create']).map((verb) => `${verb} pods kube-flannel-ds-a`),
      );
      expect(await kubectl([...pod, '--', 'echo', 'a b'], {env})).toMatchObject({code: 0, stdout: 'a b\n'});
      // More than any window that SPDY begins with.
      const long = Buffer.alloc(300_000, 'line of text\n').toString();
      expect(await kubectl([...pod, '-i', '--', 'cat'], {input: long, env})).toEqual({code: 0, stdout: long, stderr: ''});
      expect(await kubectl([...pod, '--', '/no/such/program'], {env})).toMatchObject({code: 1, stderr: expect.stringContaining('ENOENT')});
    },
  );

  test('comes in with a certificate; not with a token that is past its time; and RBAC speaks as it does', async () => {
    const user = (file: string, how: object) => place.write(file, kubeconfig({server: api.url, 'certificate-authority': pki.ca}, how));
    const jane = user('jane', {'client-certificate': pki.clientCert, 'client-key': pki.clientKey});
    expect(await kubectl(['get', 'nodes', '-o', 'name'], {as: jane})).toMatchObject({code: 0});
    expect(api.asked.at(-1)!.user).toBe('jane');
    const late = await kubectl(['get', 'nodes'], {as: user('late', {token: 'old'})});
    expect(late).toMatchObject({code: 1, stderr: expect.stringMatching(/Unauthorized|must be logged in/)});
    const reader = user('reader', {token: 'read'});
    expect(await kubectl(['get', 'nodes', '-o', 'name'], {as: reader})).toMatchObject({code: 0});
    expect(await kubectl(['get', 'pods', '-A'], {as: reader})).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('pods is forbidden: User "reader" cannot list resource "pods" in API group "" at the cluster scope'),
    });
    expect((await kubectl(['auth', 'can-i', 'list', 'nodes'], {as: reader})).stdout).toBe('yes\n');
    expect((await kubectl(['auth', 'can-i', 'delete', 'pods'], {as: reader})).stdout).toBe('no\n');
  });
});

test("flanctl's own client: pages, a patch with a version, troubles on the way", async () => {
  await begin();
  await using _ = api;
  const client = await kubeClient({kubeconfig: config, timeoutMs: 8000});
  api.trouble = ({resource}, count) => (resource === 'nodes' && count % 2 === 1 ? {status: 429, headers: {'Retry-After': '0'}} : undefined);
  expect(await client.list('/api/v1/nodes')).toHaveLength(2);
  api.trouble = () => undefined;
  const path = '/api/v1/namespaces/kube-flannel/configmaps/kube-flannel-cfg';
  const {metadata} = (await client.call('GET', path)) as unknown as {metadata: {resourceVersion: string}};
  const change = (data: object) =>
    client.call('PATCH', path, {
      contentType: 'application/merge-patch+json',
      body: {metadata: {resourceVersion: metadata.resourceVersion}, data},
    });
  await change({a: '1'});
  await expect(change({a: '2'})).rejects.toThrow(/modified/);
});
