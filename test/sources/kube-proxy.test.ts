import {rmSync} from 'node:fs';
import {type AddressInfo, connect, createServer} from 'node:net';
import {afterEach, expect, test, vi} from 'vitest';
import {kubeClient} from '../../src/edge/sources/kube-client.js';
import {proxyOf} from '../../src/edge/sources/kube-proxy.js';
import {json, kubeconfig, makeCertificates, scratch, tinyApi} from './tiny-api.js';

afterEach(() => vi.unstubAllEnvs());
const proxy = 'http://proxy.test:3128';
const server = 'https://api.prod.test:6443';

const cases: readonly (readonly [string, NodeJS.ProcessEnv, string | undefined])[] = [
  [server, {}, undefined],
  [server, {HTTPS_PROXY: proxy}, proxy],
  [server, {https_proxy: 'proxy.test:3128'}, proxy],
  [server, {HTTP_PROXY: proxy}, undefined],
  ['http://api.prod.test', {HTTP_PROXY: proxy}, proxy],
  ['https://localhost:6443', {HTTPS_PROXY: proxy}, undefined],
  ['https://127.0.0.2:6443', {HTTPS_PROXY: proxy}, undefined],
  ['https://[::1]:6443', {HTTPS_PROXY: proxy}, undefined],
  ...(
    [
      ['prod.test', true],
      ['.prod.test', true],
      ['*.prod.test', true],
      ['api.prod.test:6443', true],
      ['api.prod.test:443', false],
      ['PROD.test , x', true],
      ['rod.test', false],
      ['.api.prod.test', false],
      ['*', true],
      ['', false],
    ] as const
  ).map(([NO_PROXY, out]) => [server, {HTTPS_PROXY: proxy, NO_PROXY}, out ? undefined : proxy] as const),
  ...(
    [
      ['10.0.0.5', true],
      ['10.0.0.0/8', true],
      ['10.0.0.0/33', false],
      ['10.0.0.6', false],
      ['fd00::/8', false],
      ['0.0.5', false],
    ] as const
  ).map(([NO_PROXY, out]) => ['https://10.0.0.5:6443', {HTTPS_PROXY: proxy, NO_PROXY}, out ? undefined : proxy] as const),
  ['https://[fd00::5]:6443', {HTTPS_PROXY: proxy, NO_PROXY: 'fd00::5'}, undefined],
  ['https://[fd00::5]:6443', {HTTPS_PROXY: proxy, NO_PROXY: '[fd00::5]:6443'}, undefined],
  ['https://[fd00::5]:6443', {HTTPS_PROXY: proxy, NO_PROXY: 'fd00::/16'}, undefined],
];

test.each(cases)('%s with %j goes through %s', (url, env, expected) => expect(proxyOf(url, env)).toBe(expected));

test('a call goes through the proxy of the kubeconfig', async () => {
  const pki = makeCertificates();
  const place = scratch();
  await using api = await tinyApi(pki, (_, response) => json(response, 200, {items: []}));
  const asked: string[] = [];
  const tunnel = createServer((client) => {
    client.once('data', (head) => {
      asked.push(head.toString().split('\r\n')[0]!);
      const onward = connect(api.port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        client.pipe(onward).pipe(client);
      });
      onward.on('error', () => client.destroy());
      client.on('error', () => onward.destroy());
    });
  });
  await new Promise<void>((done) => {
    tunnel.listen(0, '127.0.0.1', done);
  });
  const url = `http://127.0.0.1:${(tunnel.address() as AddressInfo).port}`;
  // A name that only the proxy could resolve.
  const cluster = {server: `https://api.test:${api.port}`, 'certificate-authority': pki.ca};
  const open = (more: object) => kubeClient({kubeconfig: place.write('config', kubeconfig({...cluster, ...more})), timeoutMs: 5000});
  expect(await (await open({'proxy-url': url})).list('/api/v1/nodes')).toEqual([]);
  vi.stubEnv('HTTPS_PROXY', url);
  expect(await (await open({})).list('/api/v1/nodes')).toEqual([]);
  expect(asked).toEqual([`CONNECT api.test:${api.port} HTTP/1.1`, `CONNECT api.test:${api.port} HTTP/1.1`]);
  tunnel.close();
  place[Symbol.dispose]();
  rmSync(pki.dir, {recursive: true});
});
