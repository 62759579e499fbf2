import {execFileSync} from 'node:child_process';
import {chmodSync, copyFileSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import type {TLSSocket} from 'node:tls';
import {afterAll, beforeAll, beforeEach, describe, expect, test, vi} from 'vitest';
import {apiFailure, type KubeFlags, kubeClient} from '../../src/edge/sources/kube-client.js';
import {findKubeConfig} from '../../src/edge/sources/kube-config.js';
import type {LoginUser} from '../../src/edge/sources/kube-login.js';
import {askedOf} from '../../src/edge/sources/kube-request.js';
import {Failure} from '../../src/failure.js';
import {type Certificates, json, kubeconfig, makeCertificates, scratch, status, type TinyApi, tinyApi} from './tiny-api.js';

let pki: Certificates;
let api: TinyApi;
const place = scratch();
const nodes = {kind: 'NodeList', items: [{metadata: {name: 'n1'}}], metadata: {}};
beforeAll(async () => {
  pki = makeCertificates();
  api = await tinyApi(pki, (_, response) => json(response, 200, nodes));
});
beforeEach(() => {
  api.answer = (_, response) => json(response, 200, nodes);
  api.asked.length = 0;
  api.headers.length = 0;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api[Symbol.asyncDispose]();
  place[Symbol.dispose]();
  rmSync(pki.dir, {recursive: true});
});

const open = (text: string, more: Partial<KubeFlags> & {timeoutMs?: number} = {}) =>
  kubeClient({kubeconfig: place.write('config', text), timeoutMs: 5000, ...more});
const trusted = () => ({server: api.url, 'certificate-authority': pki.ca});
/** The failure in words, with its exit code. */
const failing = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => new Error('it worked'),
    (thrown: unknown) => thrown,
  );
  const failure = apiFailure(error, 'listing the nodes');
  return `${failure.exit} ${failure.message.replaceAll(`127.0.0.1:${api.port}`, 'API')}`;
};

describe('who we are', () => {
  test.each([
    ['a token', {token: 'sesame'}, 'Bearer sesame'],
    ['a password', {username: 'jane', password: 'p'}, `Basic ${Buffer.from('jane:p').toString('base64')}`],
    ['nobody', {}, undefined],
  ])('%s', async (_, user, expected) => {
    await (await open(kubeconfig(trusted(), user))).list('/api/v1/nodes');
    expect(api.headers[0]!.authorization).toBe(expected);
  });

  test('a token file wins over a token, is trimmed, and its path starts at the kubeconfig', async () => {
    place.write('token', 'from-file\n');
    await (await open(kubeconfig(trusted(), {token: 'x', tokenFile: 'token'}))).list('/api/v1/nodes');
    expect(api.headers[0]!.authorization).toBe('Bearer from-file');
  });

  test('a client certificate, as files beside the kubeconfig or as data, which wins', async () => {
    let peer = '';
    api.answer = (request, response) => {
      peer = String((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
      json(response, 200, nodes);
    };
    copyFileSync(pki.clientCert, join(place.dir, 'jane.crt'));
    copyFileSync(pki.clientKey, join(place.dir, 'jane.key'));
    copyFileSync(pki.ca, join(place.dir, 'ca.crt'));
    const cluster = {server: api.url, 'certificate-authority': 'ca.crt'};
    await (await open(kubeconfig(cluster, {'client-certificate': 'jane.crt', 'client-key': 'jane.key'}))).list('/api/v1/nodes');
    expect(peer).toBe('jane');
    peer = '';
    const data = (file: string) => readFileSync(file).toString('base64');
    const inline = {server: api.url, 'certificate-authority': '/nowhere', 'certificate-authority-data': data(pki.ca)};
    const user = {
      'client-certificate': '/nowhere',
      'client-certificate-data': data(pki.clientCert),
      'client-key-data': data(pki.clientKey),
    };
    await (await open(kubeconfig(inline, user))).list('/api/v1/nodes');
    expect(peer).toBe('jane');
  });

  test('a credential plugin beside the kubeconfig is told of the cluster, asked once, and again after a 401', async () => {
    const log = join(place.dir, 'plugin.log');
    const plugin = place.write(
      'plugin.sh',
      `#!/bin/sh\nprintf '%s\\n' "$KUBERNETES_EXEC_INFO" >> ${log}\nn=$(wc -l < ${log})\nprintf '{"kind":"ExecCredential","status":{"token":"t%s-%s"}}' "$n" "$WHO"\n`,
    );
    chmodSync(plugin, 0o755);
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin.sh',
      env: [{name: 'WHO', value: 'jane'}],
      provideClusterInfo: true,
    };
    const client = await open(kubeconfig(trusted(), {exec}));
    await Promise.all([client.list('/api/v1/nodes'), client.list('/api/v1/nodes')]);
    await client.list('/api/v1/nodes');
    expect(api.headers.map((h) => h.authorization)).toEqual(['Bearer t1-jane', 'Bearer t1-jane', 'Bearer t1-jane']);
    expect(JSON.parse(readFileSync(log, 'utf8').split('\n')[0]!)).toMatchObject({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: {interactive: false, cluster: {server: api.url, 'certificate-authority': pki.ca}},
    });
    api.answer = (request, response) =>
      request.headers.authorization === 'Bearer t1-jane' ? status(response, 401, 'Unauthorized') : json(response, 200, nodes);
    await client.list('/api/v1/nodes');
    expect(api.headers.at(-1)!.authorization).toBe('Bearer t2-jane');
  });

  test.each([
    [
      'not there',
      {command: 'no-such-plugin', installHint: 'install it'},
      '2 the credential plugin no-such-plugin cannot be started: it is not installed',
    ],
    [
      'fails',
      {command: 'sh', args: ['-c', 'echo session expired >&2; exit 3']},
      '2 the credential plugin sh ended with 3: session expired',
    ],
    ['talks nonsense', {command: 'echo', args: ['hello']}, '2 the credential plugin echo printed no ExecCredential: hello'],
    ['gives nothing', {command: 'echo', args: ['{}']}, '2 the credential plugin echo gave neither a token nor a certificate'],
    [
      'must have a terminal',
      {command: 'echo', interactiveMode: 'Always'},
      '2 the credential plugin echo needs a terminal to ask you, and there is none',
    ],
  ])('a credential plugin that is/does: %s', async (_, exec, said) => {
    const client = await open(kubeconfig(trusted(), {exec: {apiVersion: 'client.authentication.k8s.io/v1', ...exec}}));
    expect(await failing(client.list('/api/v1/nodes'))).toBe(said);
  });
});

describe('which cluster', () => {
  const two = (prefix: string, current: string | undefined, server: string): string =>
    JSON.stringify({
      clusters: [{name: 'c', cluster: {server, 'certificate-authority': pki.ca}}],
      users: [{name: 'u', user: {token: `${prefix}-token`}}],
      contexts: [
        {name: prefix, context: {cluster: 'c', user: 'u'}},
        {name: 'both', context: {cluster: 'c', user: 'u'}},
      ],
      ...(current !== undefined && {'current-context': current}),
    });

  test('of a list in KUBECONFIG the first to name a thing wins, and a missing file is passed over', async () => {
    const first = place.write('first', two('first', undefined, api.url));
    const second = place.write('second', two('second', 'second', 'https://127.0.0.1:1'));
    const third = place.write('third', two('third', 'third', 'https://127.0.0.1:1'));
    vi.stubEnv('KUBECONFIG', ['/nowhere/config', first, second, third].join(':'));
    const client = await kubeClient({timeoutMs: 5000});
    expect([client.context, client.server, client.from]).toEqual(['second', api.url, 'context second']);
    await client.list('/api/v1/nodes');
    expect(api.headers[0]!.authorization).toBe('Bearer first-token');
    expect((await kubeClient({context: 'third', timeoutMs: 5000})).context).toBe('third');
  });

  test('lists of files are merged as kubectl merges them', async () => {
    const file = (name: string, text: string): string => place.write(name, text);
    const files = {
      a: file(
        'a',
        'clusters: [{name: c, cluster: {server: "https://a:1"}}]\nusers: [{name: u, user: {token: ta}}]\ncontexts: [{name: one, context: {cluster: c, user: u}}]\n',
      ),
      b: file(
        'b',
        'clusters: [{name: c, cluster: {server: "https://b:1/", tls-server-name: b}}]\nusers: [{name: u, user: {username: tb, password: p}}]\ncontexts: [{name: two, context: {cluster: c, user: u}}]\ncurrent-context: two\n',
      ),
      c: file(
        'c',
        'current-context: one\ncontexts: [{name: two, context: {cluster: q, user: u}}]\nclusters: [{name: q, cluster: {server: "https://q:1"}}]\n',
      ),
      e: file('e', ''),
      gone: '/nowhere/config',
    };
    for (const list of ['ab', 'ba', 'eab', 'cab', 'acb', 'bca', 'cba']) {
      const KUBECONFIG = [files.gone, ...[...list].map((name) => files[name as 'a'])].join(':');
      const said = execFileSync('kubectl', ['config', 'view', '--raw', '--minify', '-o', 'json'], {env: {...process.env, KUBECONFIG}});
      const [cluster, user, context] = (['clusters', 'users', 'contexts'] as const).map((kind) => JSON.parse(said.toString())[kind][0]);
      vi.stubEnv('KUBECONFIG', KUBECONFIG);
      const ours = await findKubeConfig({});
      const {bearer, username} = ours.config.getCurrentUser() as LoginUser;
      expect([list, ours.context, ours.server, bearer, username]).toEqual([
        list,
        context.name,
        cluster.cluster.server.replace(/\/$/, ''),
        user.user.token,
        user.user.username,
      ]);
      expect(ours.config.getCurrentCluster()?.tlsServerName).toBe(cluster.cluster['tls-server-name']);
    }
  });

  test('without any, ~/.kube/config; and a message that says where was looked', async () => {
    vi.stubEnv('KUBECONFIG', '');
    vi.stubEnv('HOME', '/nowhere');
    expect(await failing(kubeClient({timeoutMs: 1}))).toBe('2 no kubeconfig: there is no /nowhere/.kube/config');
  });

  test('insecure-skip-tls-verify and tls-server-name', async () => {
    await (await open(kubeconfig({server: api.url, 'insecure-skip-tls-verify': true}))).list('/api/v1/nodes');
    await (await open(kubeconfig({...trusted(), 'tls-server-name': 'api.test'}))).list('/api/v1/nodes');
    expect(await failing((await open(kubeconfig({...trusted(), 'tls-server-name': 'other.test'}))).list('/api/v1/nodes'))).toMatch(
      /^2 listing the nodes at API: its certificate is for another name: .*other\.test/,
    );
  });

  test.each([
    ['no such file', '', {kubeconfig: '/nowhere/x'}, '2 cannot read the kubeconfig /nowhere/x: no such file'],
    ['not YAML', 'a: [', {}, /^2 the kubeconfig \S+config is not YAML: /],
    ['another kind', 'kind: Pod', {}, /^2 the kubeconfig \S+ is a Pod, not a Config$/],
    ['no context', kubeconfig({server: 'https://x'}), {context: 'prod'}, '2 --context: no such context: prod'],
    ['nothing', '', {}, /^2 \S+config: no cluster in it$/],
    ['no server', kubeconfig({}), {}, /^2 \S+: cluster c: no server$/],
    [
      'no CA file',
      kubeconfig({server: 'https://x', 'certificate-authority': 'ca.pem'}),
      {},
      /^2 \S+: cluster c: cannot read certificate-authority \/\S+\/ca.pem: no such file$/,
    ],
    ['as-groups', kubeconfig({server: 'https://x'}, {as: 'a', 'as-groups': ['g']}), {}, /cannot impersonate with as-groups/],
  ])('%s', async (_, text, flags, said) => {
    vi.stubEnv('HOME', '/nowhere');
    const message = await failing(open(text, flags));
    if (typeof said === 'string') expect(message).toBe(said);
    else expect(message).toMatch(said);
  });
});

describe('what may go wrong', () => {
  test.each([
    [
      401,
      'Unauthorized',
      '2 listing the nodes at API: the server does not know us: the token or certificate is not valid, or has expired (401)',
      1,
    ],
    [
      403,
      'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
      '2 listing the nodes at API: the server forbids it: list nodes in all namespaces is missing (403): nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
      1,
    ],
    [500, 'etcd\u001b[2J is gone', '3 listing the nodes at API: the server answered 500: etcd\\x1b[2J is gone', 6],
  ])('%i', async (code, message, said, tries) => {
    api.answer = (_, response) => status(response, code, message, '', {'Retry-After': '0'});
    expect(await failing((await open(kubeconfig(trusted()))).list('/api/v1/nodes'))).toBe(said);
    expect(api.asked).toHaveLength(tries);
  });

  test('429 and 503 pass, and Retry-After is honoured', async () => {
    const at: number[] = [];
    api.answer = (_, response, count) => {
      at.push(performance.now());
      if (count === 1) status(response, 429, 'slow down', 'TooManyRequests', {'Retry-After': '1'});
      else if (count === 2) status(response, 503, 'starting');
      else json(response, 200, nodes);
    };
    expect(await (await open(kubeconfig(trusted()))).list('/api/v1/nodes')).toEqual(nodes.items);
    expect(at[1]! - at[0]!).toBeGreaterThan(990);
    expect(api.asked).toHaveLength(3);
  });

  test('a change is not sent twice for a 500, and is for a 429', async () => {
    const client = await open(kubeconfig(trusted()));
    api.answer = (_, response) => status(response, 500, 'oops');
    expect(await failing(client.call('PATCH', '/api/v1/nodes/n1', {body: {}}))).toMatch(/^3 .*500: oops/);
    expect(api.asked).toHaveLength(1);
    api.answer = (_, response, count) => (count === 2 ? status(response, 429, 'slow', '', {'Retry-After': '0'}) : json(response, 200, {}));
    await client.call('PATCH', '/api/v1/nodes/n1', {body: {}, contentType: 'application/merge-patch+json'});
    expect([api.asked.length, api.headers.at(-1)!['content-type']]).toEqual([3, 'application/merge-patch+json']);
  });

  test('a listing is read in pages, and begun anew when the server has forgotten where we were', async () => {
    let forgotten = false;
    api.answer = ({url}, response) => {
      const next = new URL(url!, api.url).searchParams.get('continue');
      if (next === null) json(response, 200, {items: [1, 2], metadata: {continue: 'p2'}});
      else if (!forgotten) {
        forgotten = true;
        status(response, 410, 'The provided continue parameter is too old', 'Expired');
      } else json(response, 200, {items: [3], metadata: {}});
    };
    expect(await (await open(kubeconfig(trusted()))).list('/api/v1/pods', {query: {labelSelector: 'app=flannel'}})).toEqual([1, 2, 3]);
    expect(api.asked).toEqual([
      'GET /api/v1/pods?labelSelector=app%3Dflannel&limit=500',
      'GET /api/v1/pods?labelSelector=app%3Dflannel&limit=500&continue=p2',
      'GET /api/v1/pods?labelSelector=app%3Dflannel&limit=500',
      'GET /api/v1/pods?labelSelector=app%3Dflannel&limit=500&continue=p2',
    ]);
    api.answer = (_, response) => status(response, 410, 'too old', 'Expired');
    expect(await failing((await open(kubeconfig(trusted()))).list('/api/v1/pods'))).toMatch(/^3 .*expired while it was read/);
  });

  test('a server that says nothing is given up after the time it has; an interrupt is passed on as it is', async () => {
    api.answer = () => undefined;
    expect(await failing((await open(kubeconfig(trusted()), {timeoutMs: 100})).list('/api/v1/nodes'))).toBe(
      '3 listing the nodes at API: no answer within 0.1 s',
    );
    const stop = new AbortController();
    const asking = (await open(kubeconfig(trusted()))).list('/api/v1/nodes', {signal: stop.signal});
    stop.abort(new Failure('interrupted', {exit: 130}));
    expect(await failing(asking)).toBe('130 interrupted');
  });

  test('a server that is not up, or is another', async () => {
    const nobody = await open(kubeconfig({server: 'https://127.0.0.1:1', 'certificate-authority': pki.ca}));
    expect(await failing(nobody.list('/api/v1/nodes'))).toBe('3 listing the nodes at 127.0.0.1:1: cannot be reached: connection refused');
    const stranger = makeCertificates();
    const wrong = await open(kubeconfig({server: api.url, 'certificate-authority': stranger.ca}));
    expect(await failing(wrong.list('/api/v1/nodes'))).toMatch(
      /^2 listing the nodes at API: its certificate is not signed by the CA in the kubeconfig/,
    );
    rmSync(stranger.dir, {recursive: true});
    api.answer = (_, response) => response.end('<html>welcome</html>');
    expect(await failing((await open(kubeconfig(trusted()))).list('/api/v1/nodes'))).toMatch(/no JSON object: is that an API server\?/);
    const garbage = await open(kubeconfig(trusted(), {'client-certificate-data': 'AAAA', 'client-key-data': 'AAAA'}));
    expect(await failing(garbage.list('/api/v1/nodes'))).toMatch(/^2 listing the nodes at API: TLS: /);
  });
});

test.each([
  ['GET', '/api/v1/nodes', 'list nodes'],
  ['GET', '/api/v1/nodes/n1', 'get nodes "n1"'],
  ['GET', '/api/v1/namespaces/kube-flannel/configmaps/kube-flannel-cfg', 'get configmaps "kube-flannel-cfg" kube-flannel'],
  ['GET', '/api/v1/namespaces/kube-flannel', 'get namespaces "kube-flannel"'],
  ['PATCH', '/apis/apps/v1/namespaces/a/daemonsets/b', 'patch daemonsets.apps "b" a'],
  ['GET', '/api/v1/namespaces/a/pods/p/exec?command=sh', 'create pods/exec "p" a'],
  ['DELETE', '/api/v1/namespaces/a/pods/p', 'delete pods "p" a'],
  ['POST', '/apis/coordination.k8s.io/v1/namespaces/a/leases', 'create leases.coordination.k8s.io a'],
] as const)('%s %s asks for %s', (method, path, said) => {
  const {verb, resource, group, name, namespace} = askedOf(method, path);
  expect([`${verb} ${resource}${group && `.${group}`}`, name && `"${name}"`, namespace].filter(Boolean).join(' ')).toBe(said);
});
