import {rmSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, expect, test, vi} from 'vitest';
import type {EvidenceFlags} from '../../src/edge/evidence.js';
import {findNodes} from '../../src/edge/sources/find-nodes.js';
import {recordsOfFiles} from '../../src/edge/sources/record-files.js';
import {Failure} from '../../src/failure.js';
import {cluster, node} from './objects.js';
import {type Certificates, kubeconfig, makeCertificates, scratch, serving, status, type TinyApi, tinyApi} from './tiny-api.js';

let pki: Certificates;
let api: TinyApi;
const place = scratch();
const notices: string[] = [];
const options = {signal: new AbortController().signal, quiet: true, notice: (line: string) => void notices.push(line)};
const usual: EvidenceFlags = {pods: 'all', timeout: 5, concurrency: 4, 'ssh-host-keys': 'strict'};
const find = (flags: Partial<EvidenceFlags>) => findNodes({...usual, ...flags}, options);
const config = (name = 'config') => place.write(name, kubeconfig({server: api.url, 'certificate-authority': pki.ca}));
const inventory = () =>
  place.write(
    'nodes.yaml',
    'apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\nssh: {user: root}\nnodes: [{name: n1, host: node1.test, port: 2222}, {name: n2}]\n',
  );

beforeAll(async () => {
  pki = makeCertificates();
  api = await tinyApi(pki, serving(cluster));
});
beforeEach(() => {
  api.answer = serving(cluster);
  notices.length = 0;
  vi.stubEnv('HOME', place.dir);
  vi.stubEnv('KUBECONFIG', '');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api[Symbol.asyncDispose]();
  place[Symbol.dispose]();
  rmSync(pki.dir, {recursive: true});
});

test('a kubeconfig alone: the API server lists the nodes, each by its internal address', async () => {
  const found = await find({kubeconfig: config()});
  expect(found.from).toBe('context test');
  expect(found.addresses).toEqual([
    expect.objectContaining({node: 'n1', host: '192.0.2.1'}),
    expect.objectContaining({node: 'n2', host: '192.0.2.2'}),
  ]);
  expect(found).not.toHaveProperty('inventory');
  const v6 = {
    ...node('n3', 3),
    status: {
      addresses: [
        {type: 'Hostname', address: 'n3'},
        {type: 'InternalIP', address: '2001:db8::3'},
        {type: 'InternalIP', address: '192.0.2.3'},
      ],
    },
  };
  api.answer = serving({...cluster, '/api/v1/nodes': [v6]});
  expect((await find({kubeconfig: config()})).addresses[0]).toMatchObject({node: 'n3', host: '192.0.2.3'});
  api.answer = serving({...cluster, '/api/v1/nodes': []});
  await expect(find({kubeconfig: config()})).rejects.toThrow('context test lists no node');
});

test('an inventory with it says who is there and how to get there', async () => {
  const found = await find({kubeconfig: config(), inventory: inventory()});
  expect(found.from).toMatch(/^inventory \S+nodes.yaml, records of context test$/);
  expect(found.addresses).toEqual([
    {node: 'n1', via: 'ssh', host: 'node1.test', user: 'root', port: 2222},
    {node: 'n2', via: 'ssh', host: 'n2', user: 'root'},
  ]);
  expect(found.opened?.records.nodes).toHaveLength(2);
});

test('with an inventory it goes on when the server refuses or is gone, and says so; without one it ends', async () => {
  const dead = place.write('dead', kubeconfig({server: 'https://127.0.0.1:1', 'certificate-authority': pki.ca}));
  const gone = 'listing the nodes at 127.0.0.1:1: cannot be reached: connection refused';
  const found = await find({kubeconfig: dead, inventory: inventory()});
  expect(found.opened?.records).toEqual({source: 'kubernetes', from: 'context test', nodes: [], gaps: [{what: 'records', why: gone}]});
  expect(notices).toEqual([`no records: ${gone}`]);
  expect(recordsOfFiles(found.opened!.files, {})).toEqual({...found.opened!.records, annotationPrefix: 'flannel.alpha.coreos.com/'});
  await expect(find({kubeconfig: dead})).rejects.toMatchObject({
    message: gone,
    exit: 3,
    hints: expect.arrayContaining(['--inventory FILE or --snapshot FILE|DIR go without it']),
  });
  api.answer = (_, response) => status(response, 403, 'no');
  expect((await find({kubeconfig: config(), inventory: inventory()})).opened?.records.gaps[0]?.why).toContain(
    'list nodes in all namespaces is missing',
  );
  await expect(find({kubeconfig: config()})).rejects.toMatchObject({exit: 2});
  // What is wrong with the flags themselves is not passed over.
  await expect(find({kubeconfig: config(), context: 'other', inventory: inventory()})).rejects.toThrow('--context: no such context: other');
});

test('with nothing named, the kubeconfig that kubectl would take; else this machine, else nothing', async () => {
  vi.stubEnv('KUBECONFIG', config());
  expect((await find({})).from).toBe('context test');
  expect(notices).toEqual(['no source was named: context test of your kubeconfig']);
  expect((await find({inventory: inventory()})).opened).toBeUndefined();
  vi.stubEnv('KUBECONFIG', join(place.dir, 'nowhere'));
  await expect(find({})).rejects.toThrow(Failure);
});

test('leases of etcd are nodes by their public address; the API server beside it gives names and pods', async () => {
  const value = (ip: string) => JSON.stringify({PublicIP: ip, BackendType: 'vxlan', BackendData: {VNI: 1, VtepMAC: 'aa:00:00:00:00:01'}});
  const b64 = (text: string) => Buffer.from(text).toString('base64');
  const keys = {
    config: '{"Network":"10.244.0.0/16"}',
    'subnets/10.244.1.0-24': value('192.0.2.1'),
    'subnets/10.244.2.0-24': value('192.0.2.2'),
  };
  const server = createServer((request, response) => {
    const kvs = Object.entries(keys).map(([key, text]) => ({key: b64(`/coreos.com/network/${key}`), value: b64(text), mod_revision: '7'}));
    response.writeHead(request.url === '/v3/kv/range' ? 200 : 404).end(JSON.stringify({kvs}));
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const etcd = {'etcd-endpoints': [endpoint]};
  const alone = await find(etcd);
  expect(alone.from).toBe(`etcd ${endpoint}`);
  expect(alone.addresses).toEqual([
    {node: '192.0.2.1', via: 'ssh', host: '192.0.2.1'},
    {node: '192.0.2.2', via: 'ssh', host: '192.0.2.2'},
  ]);
  const both = await find({...etcd, kubeconfig: config()});
  expect(both.from).toBe(`etcd ${endpoint} and context test`);
  expect(both.addresses.map((a) => a.node)).toEqual(['n1', 'n2']);
  expect(both.opened!.records).toMatchObject({source: 'etcd', netConf: {version: '7'}, pods: [{name: 'kube-flannel-ds-a'}, {}]});
  expect(recordsOfFiles(both.opened!.files, {})).toEqual(both.opened!.records);
  await new Promise((done) => {
    server.close(done);
  });
  await expect(find(etcd)).rejects.toMatchObject({exit: 3});
  expect((await find({...etcd, inventory: inventory()})).opened!.records.gaps).toMatchObject([
    {what: 'records', why: expect.stringContaining('refused')},
  ]);
});
