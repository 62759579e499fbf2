import {rmSync} from 'node:fs';
import {afterAll, beforeAll, beforeEach, expect, test} from 'vitest';
import {recordsOfKubernetes} from '../../src/core/flannel/records/kubernetes.js';
import {kubeClient} from '../../src/edge/sources/kube-client.js';
import {prune} from '../../src/edge/sources/kube-prune.js';
import {type KubernetesWish, kubernetesRecords} from '../../src/edge/sources/kubernetes.js';
import {filesOfEtcd, filesOfKubernetes, recordsOfFiles} from '../../src/edge/sources/record-files.js';
import {Failure} from '../../src/failure.js';
import {cluster, configMap, node, pod, service} from './objects.js';
import {type Certificates, kubeconfig, makeCertificates, scratch, serving, status, type TinyApi, tinyApi} from './tiny-api.js';

let pki: Certificates;
let api: TinyApi;
const place = scratch();
beforeAll(async () => {
  pki = makeCertificates();
  api = await tinyApi(pki, serving(cluster));
});
beforeEach(() => {
  api.answer = serving(cluster);
  api.asked.length = 0;
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  place[Symbol.dispose]();
  rmSync(pki.dir, {recursive: true});
});

const read = async (wish: Partial<KubernetesWish> = {}) =>
  kubernetesRecords(
    await kubeClient({kubeconfig: place.write('config', kubeconfig({server: api.url, 'certificate-authority': pki.ca})), timeoutMs: 5000}),
    {pods: 'flannel', services: 'none', ...wish},
  );
const asked = () => api.asked.map((line) => line.replace('GET ', '').replace(/[?&]limit=500/, '')).sort();

test('flannel is found by its DaemonSet, wherever it is, and nothing is asked for besides', async () => {
  const {records} = await read();
  expect(asked()).toEqual([
    '/api/v1/namespaces/kube-flannel/configmaps/kube-flannel-cfg',
    '/api/v1/namespaces/kube-flannel/pods?labelSelector=app%3Dflannel',
    '/api/v1/nodes',
    '/apis/apps/v1/daemonsets',
  ]);
  expect(records).toMatchObject({
    source: 'kubernetes',
    from: 'context test',
    annotationPrefix: 'flannel.alpha.coreos.com/',
    netConf: {where: 'ConfigMap kube-flannel/kube-flannel-cfg, net-conf.json', version: '99', parsed: {ok: true}},
    nodes: [
      {
        name: 'n1',
        ready: true,
        lease: {managed: true, publicIP: '192.0.2.1', subnet: '10.244.1.0/24', backendData: {vtepMAC: 'aa:00:00:00:00:01'}},
      },
      {name: 'n2'},
    ],
    daemonSets: [{namespace: 'kube-flannel', name: 'kube-flannel-ds', configMap: 'kube-flannel-cfg'}],
    flannelPods: [{name: 'kube-flannel-ds-a', node: 'n1', restarts: 3, lastEnd: 'OOMKilled'}, {node: 'n2'}],
    gaps: [],
  });
  expect(records).not.toHaveProperty('services');
});

test('where no DaemonSet tells, its ConfigMap is looked for under the usual names, or the one that is named', async () => {
  const {'/apis/apps/v1/daemonsets': _, '/api/v1/namespaces/kube-flannel/configmaps': __, ...others} = cluster;
  api.answer = serving({...others, '/api/v1/namespaces/kube-system/configmaps': [configMap('kube-system', 'canal-config', 'host-gw')]});
  const {records} = await read();
  expect(records.netConf?.where).toBe('ConfigMap kube-system/canal-config, net-conf.json');
  expect(records.daemonSets).toEqual([]);
  api.answer = serving({...others, '/api/v1/namespaces/net/configmaps': [configMap('net', 'own')]});
  api.asked.length = 0;
  expect((await read({namespace: 'net', configMap: 'own'})).records.netConf?.where).toBe('ConfigMap net/own, net-conf.json');
  expect(asked()).toEqual(['/api/v1/namespaces/net/configmaps/own', '/api/v1/nodes', '/apis/apps/v1/namespaces/net/daemonsets']);
});

test('pods and services by name, or all of them', async () => {
  const named = await read({pods: ['shop/web-1', 'shop/gone'], services: ['shop/web', 'shop/web-1']});
  expect(named.records.pods?.map((p) => p.name)).toEqual(['kube-flannel-ds-a', 'kube-flannel-ds-b', 'web-1']);
  expect(named.records.services).toMatchObject([{namespace: 'shop', name: 'web', clusterIPs: ['10.96.0.10'], ports: [{port: 80}]}]);
  expect(named.records.gaps).toEqual([]);
  const all = await read({pods: 'all', services: 'all'});
  expect(all.records.pods).toEqual(named.records.pods);
  expect(all.records.services).toEqual(named.records.services);
});

test('most pods: all of them where they may be listed, else flannel’s own, which is no gap', async () => {
  expect((await read({pods: 'most'})).records.pods).toHaveLength(3);
  api.answer = (request, response, count) =>
    request.url!.startsWith('/api/v1/pods') ? status(response, 403, 'no', 'Forbidden') : serving(cluster)(request, response, count);
  const {records} = await read({pods: 'most'});
  expect([records.pods?.map((p) => p.namespace), records.gaps]).toEqual([['kube-flannel', 'kube-flannel'], []]);
  const many = Array.from({length: 501}, (_, n) => ({...node('n', 1), metadata: {name: `n${n}`}}));
  api.answer = serving({...cluster, '/api/v1/nodes': many});
  api.asked.length = 0;
  expect((await read({pods: 'most'})).records.pods).toHaveLength(2);
  expect(asked()).not.toContain('/api/v1/pods');
});

test('annotations under any prefix are found and kept', async () => {
  const own = {'example.org/flannel-kube-subnet-manager': 'true', 'example.org/flannel-public-ip': '192.0.2.77'};
  const bare = (item: ReturnType<typeof node>) => ({...item, metadata: {...(item['metadata'] as object), annotations: own}});
  api.answer = serving({...cluster, '/api/v1/nodes': [bare(node('n1', 1))]});
  expect((await read()).records).toMatchObject({
    annotationPrefix: 'example.org/flannel-',
    nodes: [{lease: {managed: true, publicIP: '192.0.2.77'}}],
  });
});

test('what is refused beside the nodes is a gap that names the permission; without the nodes there is nothing', async () => {
  const forbid = (what: RegExp) => {
    api.answer = (request, response, count) =>
      what.test(request.url!) ? status(response, 403, 'no', 'Forbidden') : serving(cluster)(request, response, count);
  };
  forbid(/daemonsets|configmaps|pods|services/);
  const {records} = await read({services: 'all'});
  expect(records.nodes).toHaveLength(2);
  expect(records.netConf).toBeUndefined();
  const at = `at 127.0.0.1:${api.port}: the server forbids it: `;
  expect(records.gaps).toEqual(
    expect.arrayContaining([
      {what: 'daemonsets', why: `listing the DaemonSets ${at}list daemonsets.apps in all namespaces is missing (403): no`},
      {what: 'configmap', why: expect.stringContaining(`${at}get configmaps "`)},
      {what: 'services', why: `reading services ${at}list services in all namespaces is missing (403): no`},
    ]),
  );
  forbid(/nodes/);
  await expect(read()).rejects.toThrow(Failure);
  await expect(read()).rejects.toThrow(/^listing the nodes at \S+: the server forbids it: list nodes in all namespaces is missing/);
});

test('what is kept of the objects says the same as the whole, and nothing that is nobody’s business', async () => {
  const {records, objects} = await read({pods: 'all', services: 'all'});
  const whole = {
    nodes: cluster['/api/v1/nodes']!,
    daemonSets: cluster['/apis/apps/v1/daemonsets']!,
    configMaps: cluster['/api/v1/namespaces/kube-flannel/configmaps']!,
    pods: [...cluster['/api/v1/namespaces/kube-flannel/pods']!, ...cluster['/api/v1/namespaces/shop/pods']!],
    services: cluster['/api/v1/namespaces/shop/services']!,
  };
  const secret = '--etcd-password=';
  const masked = JSON.parse(
    JSON.stringify(recordsOfKubernetes(whole, {from: 'context test'})).replaceAll(`${secret}hunter2`, `${secret}…`),
  );
  expect(records).toEqual(masked);
  expect(JSON.stringify(whole)).toContain('hunter2');
  expect(JSON.stringify(objects)).not.toContain('hunter2');
  expect(prune.pod(pod('a', 'b', 'n', '10.0.0.1'))).toEqual({
    metadata: {name: 'b', namespace: 'a'},
    spec: {nodeName: 'n'},
    status: {phase: 'Running', podIP: '10.0.0.1', podIPs: [{ip: '10.0.0.1'}]},
  });
  expect(JSON.stringify(prune.service(service('a', 'b', '10.0.0.1')))).not.toContain('hunter2');
});

test('the files of a snapshot are the same records again, and a file that is damaged is a gap', async () => {
  const {records, objects} = await read({pods: 'all', services: 'all', annotationPrefix: 'flannel.alpha.coreos.com/'});
  const withGap = {...records, gaps: [{what: 'services', why: 'forbidden'}]};
  const files = filesOfKubernetes(objects, withGap, {});
  expect(Object.keys(files).sort()).toEqual([
    'configmap.json',
    'daemonsets.json',
    'nodes.json',
    'pods.json',
    'records.json',
    'services.json',
  ]);
  expect(recordsOfFiles(files, {})).toEqual(withGap);
  expect(recordsOfFiles({'nodes.json': files['nodes.json']!, 'pods.json': '{'}, {})).toMatchObject({
    from: 'nodes.json, pods.json',
    nodes: [{name: 'n1'}, {name: 'n2'}],
    gaps: [{what: 'pods.json', why: expect.stringContaining('not JSON')}],
  });
  expect(recordsOfFiles({}, {})).toBeUndefined();
});

test('etcd’s keys from a snapshot, and beside Node objects that flannel does not mark', () => {
  const key = '/coreos.com/network/subnets/10.5.1.0-24';
  const value = '{"PublicIP":"192.0.2.1","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"aa:00:00:00:00:01"}}';
  const text = JSON.stringify({'/coreos.com/network/config': '{"Network":"10.5.0.0/16"}', [key]: value});
  const loose = recordsOfFiles({'etcd.json': text}, {})!;
  expect(loose).toMatchObject({
    source: 'etcd',
    from: 'etcd.json',
    netConf: {parsed: {ok: true}},
    nodes: [{lease: {publicIP: '192.0.2.1'}}],
  });
  const live = {
    ...loose,
    from: 'etcd https://192.0.2.9:2379',
    nodes: loose.nodes.map((n) => ({lease: {...n.lease, ttl: 80_000, version: '12'}})),
  };
  expect(recordsOfFiles(filesOfEtcd(live), {})).toEqual(live);
  const unmarked = {...node('n1', 1), metadata: {name: 'n1'}};
  const beside = {
    'nodes.json': JSON.stringify({items: [unmarked]}),
    'pods.json': JSON.stringify({items: [pod('a', 'b', 'n1', '10.5.1.2')]}),
  };
  expect(recordsOfFiles({'etcd.json': text, ...beside}, {})).toMatchObject({source: 'etcd', pods: [{name: 'b'}]});
  expect(recordsOfFiles({'etcd.json': text, 'nodes.json': JSON.stringify({items: [node('n1', 1)]})}, {})?.source).toBe('kubernetes');
});
