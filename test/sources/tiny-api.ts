import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {createServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {stringify} from 'yaml';
import type {KubeObject} from '../../src/edge/sources/kube-client.js';
import {issue} from '../certificates.js';

/** A CA, a server's certificate for 127.0.0.1 and api.test, and a client's, in a folder of their own. */
export interface Certificates {
  readonly dir: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

export function makeCertificates(): Certificates {
  const {folder, ca, cert, key} = issue({server: '/CN=api.test', client: '/O=system:masters/CN=jane'});
  return {dir: folder, ca, cert: cert('server'), key: key('server'), clientCert: cert('client'), clientKey: key('client')};
}

export type Answering = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export interface TinyApi extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** `GET /api/v1/nodes?limit=500` of every request, in order. */
  readonly asked: string[];
  readonly headers: IncomingMessage['headers'][];
  answer: Answering;
}

/** An HTTPS server that answers as each test says. */
export async function tinyApi(pki: Certificates, answer: Answering): Promise<TinyApi> {
  const asked: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createServer(
    {cert: readFileSync(pki.cert), key: readFileSync(pki.key), ca: readFileSync(pki.ca), requestCert: true, rejectUnauthorized: false},
    (request, response) => {
      asked.push(`${request.method} ${request.url}`);
      headers.push(request.headers);
      api.answer(request, response, asked.length);
    },
  );
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const {port} = server.address() as AddressInfo;
  const api: TinyApi = {
    url: `https://127.0.0.1:${port}`,
    port,
    asked,
    headers,
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => {
        server.close(done);
      });
    },
  };
  return api;
}

export const json = (response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, {'Content-Type': 'application/json', ...headers}).end(JSON.stringify(value));
};

/** A Status object, as the API server says no. */
export const status = (response: ServerResponse, code: number, message: string, reason = '', headers: Record<string, string> = {}): void =>
  json(response, code, {kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code}, headers);

/** A kubeconfig's text with one context, `test`. */
export const kubeconfig = (cluster: object, user: object = {token: 'sesame'}): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{name: 'c', cluster}],
    users: [{name: 'u', user}],
    contexts: [{name: 'test', context: {cluster: 'c', user: 'u'}}],
    'current-context': 'test',
  });

/** A folder for a test's files. */
export function scratch(): {readonly dir: string; write(name: string, text: string): string} & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'flanctl-kube-'));
  return {
    dir,
    write(name, text) {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    },
    [Symbol.dispose]: () => rmSync(dir, {recursive: true, force: true}),
  };
}

/** Answers lists and gets from objects by the path of their listing; lists of a whole cluster from those of all namespaces. */
export const serving =
  (objects: {readonly [path: string]: readonly KubeObject[]}): Answering =>
  ({url}, response) => {
    const {pathname, searchParams} = new URL(url!, 'https://api');
    const every = pathname.replace(/^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\//, '$1/namespaces/*/').split('*');
    const listed =
      objects[pathname] ??
      (pathname.includes('/namespaces/')
        ? undefined
        : Object.entries(objects).flatMap(([path, list]) => (path.startsWith(every[0]!) && path.endsWith(every[1]!) ? list : [])));
    if (listed !== undefined) {
      const label = searchParams.get('labelSelector')?.split('=');
      const items = label ? listed.filter((item) => (item as unknown as Labelled).metadata.labels?.[label[0]!] === label[1]) : listed;
      json(response, 200, {kind: 'List', metadata: {resourceVersion: '1'}, items});
      return;
    }
    const [, folder, name] = /^(.*)\/([^/]+)$/.exec(pathname)!;
    const found = objects[folder!]?.find((item) => (item as unknown as Labelled).metadata.name === name);
    if (found) json(response, 200, found);
    else status(response, 404, `${name} not found`, 'NotFound');
  };

interface Labelled {
  readonly metadata: {readonly name: string; readonly labels?: {readonly [key: string]: string}};
}
