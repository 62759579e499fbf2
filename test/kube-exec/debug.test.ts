import {spawnSync} from 'node:child_process';
import {hostname} from 'node:os';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {type KubeClient, kubeClient} from '../../src/edge/sources/kube-client.js';
import {DebugPods} from '../../src/edge/transports/debug-pods.js';
import {openTransport, type TransportOptions} from '../../src/edge/transports/index.js';
import type {TransportError} from '../../src/edge/transports/transport.js';
import {makeNode, type Node} from '../gather/node.js';
import {kubeconfig, scratch} from '../sources/tiny-api.js';
import {ExecApi} from './exec-api.js';

let api: ExecApi;
let client: KubeClient;
let node: Node;
let made: DebugPods[] = [];
const place = scratch();
const notices: string[] = [];
const running = () => ({phase: 'Running', containerStatuses: [{state: {running: {}}}]});
const waiting = (reason: string) => () => ({
  phase: 'Pending',
  containerStatuses: [{state: {waiting: {reason, message: 'no\nsuch image'}}}],
});
beforeAll(async () => {
  node = await makeNode('host1');
  api = new ExecApi();
  const server = await api.listen();
  client = await kubeClient({kubeconfig: place.write('config', kubeconfig({server, 'insecure-skip-tls-verify': true})), timeoutMs: 5000});
});
beforeEach(() => {
  api.exec = () => inPod();
});
afterEach(async () => {
  for (const pods of made) await pods.removeAll();
  made = [];
  Object.assign(api, {born: running, refuseCreate: undefined});
  api.pods.clear();
  notices.length = 0;
});
afterAll(async () => {
  await api.close();
  await node.stop();
  place[Symbol.dispose]();
});

const notice = (line: string) => void notices.push(line);
const options = (): TransportOptions & {readonly pods: DebugPods} => {
  const pods = new DebugPods({client, image: 'busybox:1.36', namespace: 'kube-flannel', notice});
  made.push(pods);
  return {sshHostKeys: 'strict', notice, kube: {client, flannelPods: [], namespaces: [], debug: pods}, pods};
};
const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const go = (how: TransportOptions, node = 'N1.example', signal = soon()) => openTransport({node, via: 'debug'}, how, signal);
const failed = (promise: Promise<unknown>): Promise<TransportError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: TransportError) => error,
  );
/** Pods that are entered share the node's pids, and have files of their own. */
const inPod = (...more: readonly string[]) => ({
  enter: [
    ...['nsenter', '-t', String(node.pid), '-m', '-u', '-n', '-i', '-p', '--'],
    ...['unshare', '-m', '-u', 'sh', '-c', 'hostname pod; mount -t tmpfs tmpfs /srv; exec "$@"', 'sh', ...more],
  ],
});
test('one pod a node, whoever asks and however often, bound to it and tolerated everywhere; none is left', async () => {
  const how = options();
  const [one, two] = await Promise.all([go(how), go(how)]);
  const names = [...api.pods.keys()];
  expect(names).toEqual([expect.stringMatching(/^flanctl-n1-example-[0-9a-f]{8}$/)]);
  expect([one.via, two.via, one.view]).toEqual([`debug kube-flannel/${names[0]}`, `debug kube-flannel/${names[0]}`, undefined]);
  expect(api.pods.get(names[0]!)).toMatchObject({
    metadata: {labels: {app: 'flanctl'}},
    spec: {
      nodeName: 'N1.example',
      hostNetwork: true,
      hostPID: true,
      restartPolicy: 'Never',
      tolerations: [{operator: 'Exists'}],
      activeDeadlineSeconds: 3600,
      containers: [{image: 'busybox:1.36', securityContext: {privileged: true}}],
    },
  });
  expect(api.pods.get(names[0]!)?.['metadata']).not.toHaveProperty('ownerReferences');
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  await (await go(how))[Symbol.asyncDispose]();
  expect([...api.pods.keys()]).toEqual(names);
  await how.pods.removeAll();
  expect([...api.pods.keys()]).toEqual([]);
  expect(notices).toEqual([`N1.example: made the pod kube-flannel/${names[0]}, to be removed at the end`]);
  expect((await failed(go(how, 'n2'))).message).toBe('n2: interrupted before its pod was made');
});

test('a pod whose making is under way when all is over is removed too', async () => {
  api.born = waiting('ContainerCreating');
  const how = options();
  const opening = failed(go(how, 'n1', AbortSignal.timeout(3000)));
  await expect.poll(() => api.asked.some((line) => line.startsWith('POST')), {timeout: 5000}).toBe(true);
  await how.pods.removeAll();
  expect(api.pods.size).toBe(0);
  expect((await opening).failure.kind).toMatch(/connect|timeout/);
});

describe('a pod that does not come up is removed, and said', () => {
  test.each(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'CreateContainerConfigError'])('%s', async (reason) => {
    api.born = waiting(reason);
    const {failure} = await failed(go(options()));
    expect(failure.message).toMatch(new RegExp(`^N1.example: the pod flanctl-\\S+ does not run: ${reason}: no\\\\nsuch image$`));
    expect(api.pods.size).toBe(0);
  });
  test('evicted, or not started in time', async () => {
    api.born = () => ({phase: 'Failed', reason: 'OutOfpods', message: 'Node has too many pods'});
    expect((await failed(go(options()))).message).toContain('does not run: OutOfpods: Node has too many pods');
    api.born = waiting('ContainerCreating');
    const late = options();
    expect((await failed(go(late, 'n1', AbortSignal.timeout(300)))).failure).toMatchObject({
      kind: 'timeout',
      message: expect.stringMatching(/did not start in time: ContainerCreating/),
    });
    await late.pods.removeAll();
    expect(api.pods.size).toBe(0);
  });
  test('the server forbids it', async () => {
    api.refuseCreate = {status: 403, message: 'violates PodSecurity "baseline:latest": host namespaces'};
    const {failure} = await failed(go(options()));
    expect(failure).toMatchObject({
      kind: 'auth',
      message: expect.stringMatching(/create pods in namespace kube-flannel.*PodSecurity "baseline/),
    });
  });
});

test('pods of runs that are over are removed; those of others stay', async () => {
  const dead = spawnSync('true').pid;
  const left = (name: string, maker: string, phase = 'Running', app = 'flanctl') =>
    api.add(name, 'n1', {
      metadata: {name, namespace: 'kube-flannel', labels: {app}, annotations: {'flanctl.dev/maker': maker}},
      status: {phase},
    });
  left('killed', `${hostname()} ${dead} 1`);
  left('pid-taken-again', `${hostname()} ${process.pid} 1`);
  left('deadline', 'elsewhere 1 1', 'Failed');
  left('another-operator', 'elsewhere 1 1');
  left('unmarked', '');
  left('no-pod-of-ours', `${hostname()} ${dead} 1`, 'Failed', 'flannel');
  await using _ = await go(options());
  expect([...api.pods.keys()].filter((name) => !name.startsWith('flanctl-'))).toEqual(['another-operator', 'unmarked', 'no-pod-of-ours']);
  expect(notices.filter((n) => n.startsWith('removed')).map((n) => n.split(' ')[3])).toEqual([
    'kube-flannel/killed',
    'kube-flannel/pid-taken-again',
    'kube-flannel/deadline',
  ]);
});

test.each([
  ['with nsenter', []],
  ['without, by chroot', ['env', 'PATH=/run/few']],
] as const)('what runs in it is on the node: %s', async (_, more) => {
  node.sh(
    'mkdir -p /run/few /srv; ln -sf /bin/sh /run/few/sh; ln -sf /usr/sbin/chroot /run/few/chroot; mount -t tmpfs tmpfs /srv; echo its own >/srv/file',
  );
  api.exec = () => inPod(...more);
  await using transport = await go(options());
  const script = 'cat /srv/file; echo "view=$FLANCTL_VIEW"; [ -n "$1" ] || cat /proc/sys/kernel/hostname';
  const {stdout} = await transport.run(script, more.slice(0, 1), {signal: soon()});
  // The name of the host is a namespace too, which chroot does not reach.
  expect(stdout.toString()).toBe(`its own\nview=\n${more.length > 0 ? '' : 'host1\n'}`);
});
