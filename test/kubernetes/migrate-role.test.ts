import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, beforeEach, expect, test} from 'vitest';
import type {KubeConfigOperation} from '../../src/core/change/operation.js';
import {mayChange} from '../../src/edge/change/kube-access.js';
import {holdLease, releaseLease} from '../../src/edge/change/kube-lease.js';
import {KubeOperator} from '../../src/edge/change/kube-operator.js';
import {type KubeClient, kubeClient} from '../../src/edge/sources/kube-client.js';
import {DebugPods} from '../../src/edge/transports/debug-pods.js';
import {kubeconfig, makeCertificates, scratch} from '../sources/tiny-api.js';
import {ApiServer} from './api-server.js';
import {allowed, type PolicyRule, rulesOf} from './rbac.js';
import {type KubeObject, kindNamed} from './store.js';

/** The roles under docs/ against what a change asks of the API server: all that it asks for, and nothing that it does not. */
const namespace = 'kube-flannel';
const shipped = (file: string): readonly PolicyRule[] =>
  rulesOf(readFileSync(join(import.meta.dirname, '../../docs', file), 'utf8'), 'flanctl');
const [reading, changing] = [shipped('rbac.yaml'), shipped('rbac-migrate.yaml')];
/** `patch configmaps`, `create leases`, … */
const granted = changing.flatMap((rule) => rule.resources!.flatMap((resource) => rule.verbs.map((verb) => [verb, resource] as const)));
const without = (verb: string, resource: string): readonly PolicyRule[] =>
  changing.map((rule) => (rule.resources!.includes(resource) ? {...rule, verbs: rule.verbs.filter((v) => v !== verb)} : rule));

const [pods, configMaps, nodes, leases] = [
  kindNamed('pods'),
  kindNamed('configmaps'),
  kindNamed('nodes'),
  kindNamed('leases', 'coordination.k8s.io'),
];
const annotation = 'flannel.alpha.coreos.com/backend-type';
const [before, after] = ['{"Backend":{"Type":"vxlan"}}', '{"Backend":{"Type":"host-gw"}}'];
const config: KubeConfigOperation = {
  on: 'kube',
  do: 'config',
  namespace,
  name: 'kube-flannel-cfg',
  key: 'net-conf.json',
  to: after,
  before,
  nodes: ['n1'],
  types: ['host-gw', 'vxlan'],
  wait: false,
};

let api: ApiServer;
const place = scratch();
let made = 0;
const flannelPod = (): KubeObject =>
  api.store.create(pods, namespace, {
    metadata: {name: `kube-flannel-${++made}`, ownerReferences: [{kind: 'DaemonSet', name: 'kube-flannel-ds'}]},
    spec: {nodeName: 'n1'},
    status: {phase: 'Running', containerStatuses: [{ready: true}]},
  });

beforeAll(async () => {
  const pki = makeCertificates();
  api = new ApiServer({key: readFileSync(pki.key), cert: readFileSync(pki.cert), ca: readFileSync(pki.ca)});
  await api.start();
  api.store.create(nodes, undefined, {metadata: {name: 'n1', annotations: {[annotation]: 'host-gw'}}});
  api.store.create(configMaps, namespace, {metadata: {name: 'kube-flannel-cfg'}, data: {'net-conf.json': before}});
  flannelPod();
  api.onPodDeleted = ({metadata}) => {
    if (metadata.ownerReferences) flannelPod();
  };
});
beforeEach(() => {
  api.asked.length = 0;
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

async function clientWith(name: string, rules: readonly PolicyRule[]): Promise<KubeClient> {
  api.users.push({name, token: name, rules});
  const file = place.write(name, kubeconfig({server: api.url, 'insecure-skip-tls-verify': true}, {token: name}));
  return kubeClient({kubeconfig: file, timeoutMs: 5000});
}

test('a change with both roles, a lock that is free, held and forgotten, and a pod for a look around: all that is granted is used', async () => {
  const client = await clientWith('both', [...reading, ...changing]);
  await mayChange(client, namespace, false);
  const notices: string[] = [];
  const operator = new KubeOperator(client, {notice: (line) => void notices.push(line), patienceMs: 3000});
  // Its holder has not been heard for an hour.
  const old = new Date(Date.now() - 3_600_000).toISOString();
  api.store.create(leases, namespace, {
    metadata: {name: 'flanctl'},
    spec: {holderIdentity: 'gone', renewTime: old, leaseDurationSeconds: 15},
  });
  {
    await using _lease = await holdLease(client, namespace, 'me, 1', 0.3);
    expect(await operator.run(config)).toBeUndefined();
    const restart = {on: 'kube', do: 'restart', namespace, daemonSet: 'kube-flannel-ds', node: 'n1', annotation, config} as const;
    expect(await operator.run({...restart, to: 'host-gw', before: 'vxlan'})).toBeUndefined();
    await expect.poll(() => api.asked.some((a) => a.verb === 'patch' && a.resource === 'leases')).toBe(true);
  }
  await releaseLease(client, namespace, '1');
  const debug = new DebugPods({client, image: 'busybox', namespace, notice: () => undefined});
  const running = setInterval(() => {
    for (const pod of api.store.list(pods, namespace))
      if (pod['status'] === undefined)
        api.store.update(pods, namespace, pod.metadata.name, {
          ...pod,
          status: {phase: 'Running', containerStatuses: [{state: {running: {}}}]},
        });
  }, 20);
  await debug.on('n1', AbortSignal.timeout(5000));
  clearInterval(running);
  await debug.removeAll();
  expect(notices).toEqual([]);
  const used = api.asked.filter((a) => !allowed(reading, a)).map((a) => `${a.verb} ${a.resource}`);
  expect([...new Set(used)].sort()).toEqual(granted.map(([verb, resource]) => `${verb} ${resource}`).sort());
});

test.each(granted.filter(([verb, resource]) => `${verb} ${resource}` !== 'create pods'))(
  'without %s %s a change is refused before it begins, and the permission is named',
  async (verb, resource) => {
    const client = await clientWith(`no-${verb}-${resource}`, [...reading, ...without(verb, resource)]);
    const group = resource === 'leases' ? '.coordination.k8s.io' : '';
    await expect(mayChange(client, namespace, false)).rejects.toThrow(
      `the API server does not allow what this change needs: ${verb} ${resource}${group} in namespace ${namespace}`,
    );
    expect(api.asked).toEqual([]);
  },
);

test('without create pods there is no pod for a look around, and one that may not write need not, where somebody else writes', async () => {
  const debug = new DebugPods({
    client: await clientWith('no-pods', [...reading, ...without('create', 'pods')]),
    image: 'busybox',
    namespace,
    notice: () => undefined,
  });
  await expect(debug.on('n1', AbortSignal.timeout(5000))).rejects.toThrow(/create pods in namespace kube-flannel is missing/);
  await debug.removeAll();
  await mayChange(await clientWith('waits', [...reading, ...without('patch', 'configmaps')]), namespace, true);
});

test('all that is missing is named at once; a server that does not tell is believed later', async () => {
  await expect(mayChange(await clientWith('none', []), namespace, false)).rejects.toThrow(
    /list nodes, get configmaps in namespace kube-flannel, patch configmaps .*create events in namespace kube-flannel$/,
  );
  const client = await clientWith('late', []);
  await api.stop();
  await mayChange(client, namespace, false);
  await api.start();
  await sleep(0);
});
