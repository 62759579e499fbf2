import {spawn} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {kubeClient} from '../../src/edge/sources/kube-client.js';
import {openTransport} from '../../src/edge/transports/index.js';
import {ApiServer} from '../kubernetes/api-server.js';
import {kindNamed} from '../kubernetes/store.js';
import {flannelPod} from '../sources/objects.js';
import {type Certificates, kubeconfig, makeCertificates, scratch} from '../sources/tiny-api.js';

/** Against the server that kubectl takes for one: TLS, logins, permissions. */
let pki: Certificates;
let api: ApiServer;
const place = scratch();
beforeAll(async () => {
  pki = makeCertificates();
  api = new ApiServer({key: readFileSync(pki.key), cert: readFileSync(pki.cert), ca: readFileSync(pki.ca)});
  await api.start();
  api.store.create(kindNamed('pods'), 'kube-flannel', flannelPod('kube-flannel', 'flannel-a', 'n1') as never);
  api.users.push({name: 'admin', token: 'sesame'}, {name: 'jane'}, {name: 'late', token: 'old', expired: true});
  api.users.push({name: 'reader', token: 'read', rules: [{apiGroups: [''], resources: ['pods'], verbs: ['get', 'list']}]});
  api.exec = (_pod, _container, [program = '', ...args]) => spawn(program, args, {detached: true});
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  place[Symbol.dispose]();
  rmSync(pki.dir, {recursive: true});
});

const as = async (user: object, cluster: object = {'certificate-authority': pki.ca}) => {
  const client = await kubeClient({kubeconfig: place.write('config', kubeconfig({server: api.url, ...cluster}, user)), timeoutMs: 5000});
  const kube = {client, flannelPods: [], namespaces: ['kube-flannel']};
  const transport = await openTransport(
    {node: 'n1', via: 'kube'},
    {sshHostKeys: 'strict', notice: () => {}, kube},
    AbortSignal.timeout(20_000),
  );
  await using _ = transport;
  return (await transport.run('echo "$1"', ['hello'], {signal: AbortSignal.timeout(20_000)})).stdout.toString();
};

test('a token and a client certificate log in to the exec too', async () => {
  expect(await as({token: 'sesame'})).toBe('hello\n');
  expect(await as({'client-certificate': pki.clientCert, 'client-key': pki.clientKey})).toBe('hello\n');
});

test.each([
  ['an expired token', () => as({token: 'old'}), 'auth', /\(401\)/],
  ['no permission for the exec', () => as({token: 'read'}), 'auth', /pods\/exec "?flannel-a"? in namespace kube-flannel is missing/],
  ['another CA', () => as({token: 'sesame'}, {'certificate-authority': pki.clientCert}), 'connect', /not signed by the CA/],
] as const)('%s', async (_, open, kind, words) => {
  await expect(open()).rejects.toMatchObject({failure: {kind, message: expect.stringMatching(words)}});
});
