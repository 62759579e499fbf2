import {createHash} from 'node:crypto';
import {existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {flannelPodOf} from '../../src/core/flannel/records/daemons.js';
import type {FlannelPodRecord} from '../../src/core/flannel/records.js';
import {gather} from '../../src/edge/gather/gather.js';
import {type KubeClient, kubeClient} from '../../src/edge/sources/kube-client.js';
import {entering, lasting, openTransport, type TransportOptions} from '../../src/edge/transports/index.js';
import {open} from '../../src/edge/transports/kube.js';
import type {Transport, TransportError, Via} from '../../src/edge/transports/transport.js';
import {kubeconfig, scratch} from '../sources/tiny-api.js';
import {ExecApi} from './exec-api.js';

let api: ExecApi;
let client: KubeClient;
const place = scratch();
const folder = mkdtempSync(join(tmpdir(), 'flanctl-exec-'));
const notices: string[] = [];
beforeAll(async () => {
  api = new ExecApi();
  const server = await api.listen();
  client = await kubeClient({
    kubeconfig: place.write('config', kubeconfig({server, 'insecure-skip-tls-verify': true})),
    timeoutMs: 5000,
  });
});
beforeEach(() => api.add('flannel-n1', 'n1'));
afterEach(() => {
  api.exec = () => ({});
  api.pods.clear();
  notices.length = 0;
});
afterAll(async () => {
  await api.close();
  place[Symbol.dispose]();
  rmSync(folder, {recursive: true});
});

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const flannelPods = (): readonly FlannelPodRecord[] => [...api.pods.values()].flatMap((pod) => flannelPodOf(pod) ?? []);
const options = (): TransportOptions => ({
  sshHostKeys: 'strict',
  notice: (line) => void notices.push(line),
  kube: {client, flannelPods: flannelPods(), namespaces: ['kube-flannel']},
});
const go = (how = options(), signal = soon()): Promise<Transport> => open({node: 'n1', via: 'kube'}, how, signal);
const failed = (promise: Promise<unknown>): Promise<TransportError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: TransportError) => error,
  );
const gone = (pid: string): Promise<void> =>
  expect
    .poll(() => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z'), {timeout: 10_000})
    .toBe(false);

describe.each(['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const)('over %s', (protocol) => {
  beforeEach(() => {
    api.exec = () => ({protocol});
  });

  test('words, both outputs and the exit code arrive as they are; the script has no stdin', async () => {
    await using node = await go();
    const args = ['', 'a b', "it's", '$HOME `id` "x"', '*', 'new\nline', '-n', 'ü'];
    const {stdout, stderr, code} = await node.run('for a; do printf "%s\\0" "$a"; done; cat; echo oops >&2; exit 3', args, {
      signal: soon(),
    });
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(args);
    expect({stderr, code}).toEqual({stderr: 'oops\n', code: 3});
    expect(await node.run('echo again', [], {signal: soon()})).toMatchObject({stdout: Buffer.from('again\n'), code: 0});
    expect(node).toMatchObject({via: 'kube kube-flannel/flannel-n1', view: 'network'});
  });

  test('a script of many lines goes over, and five megabytes of any bytes come back', async () => {
    await using node = await go();
    const long = `${"# it's \\ filler \\\\ $x\n".repeat(20_000)}head -c 5000000 /dev/zero | tr '\\0' '\\377'; printf '\\0\\n\\r\\001'\n`;
    const {stdout, code} = await node.run(long, [], {signal: soon()});
    expect(code).toBe(0);
    const expected = Buffer.concat([Buffer.alloc(5_000_000, 0xff), Buffer.from('\0\n\r\x01')]);
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(createHash('sha256').update(expected).digest('hex'));
  });

  test('an abort ends what runs there, children that do not listen as well, and keeps what was printed', async () => {
    await using node = await go();
    const file = join(folder, protocol);
    const stop = new AbortController();
    const script = `sh -c 'trap "" TERM; echo $$ >${file}; echo partial; sleep 300; sleep 300'`;
    const running = node.run(script, [], {signal: stop.signal});
    await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'), {timeout: 10_000}).toBe(true);
    stop.abort(new DOMException('late', 'TimeoutError'));
    expect(await running).toMatchObject({stdout: Buffer.from('partial\n'), code: undefined});
    await gone(readFileSync(file, 'utf8').trim());
  });
});

test('busybox runs it all too', async () => {
  const bin = mkdtempSync(join(folder, 'bin-'));
  api.exec = () => ({enter: ['busybox', 'env', `PATH=${bin}`, '/bin/busybox']});
  await using node = await go();
  const {stdout, code} = await node.run('echo "$1"; exit 4', ["it's"], {signal: soon()});
  expect({out: stdout.toString(), code}).toEqual({out: "it's\n", code: 4});
});

test('a connection that is lost on the way: what came is kept, and what ran is ended', async () => {
  const file = join(folder, 'lost');
  api.exec = () => ({cutAfter: 10});
  await using node = await go();
  expect(await node.run(`echo $$ >${file}; echo 123456789; sleep 0.3; echo more; sleep 300`, [], {signal: soon()})).toMatchObject({
    stdout: Buffer.from('123456789\n'),
    code: undefined,
  });
  await gone(readFileSync(file, 'utf8').trim());
  await using again = await go();
  const error = await failed(again.run('head -c 100 /dev/zero; sleep 300', [], {signal: soon()}));
  expect(error.failure).toMatchObject({kind: 'connect', message: 'kube kube-flannel/flannel-n1: the connection was lost'});
});

test('a command that a signal ends has no code', async () => {
  await using node = await go();
  expect(await node.run('echo begun; kill -9 $$', [], {signal: soon()})).toMatchObject({stdout: Buffer.from('begun\n'), code: undefined});
});

describe('what may be wrong is said in one line', () => {
  const refuse = (status: number, message: string, reason?: string) => () => ({
    refuse: {status, message, ...(reason !== undefined && {reason})},
  });
  test.each([
    [
      'forbidden',
      refuse(403, 'pods "flannel-n1" is forbidden: User "jane" cannot create resource "pods/exec"', 'Forbidden'),
      'auth',
      /create pods\/exec "flannel-n1" in namespace kube-flannel is missing.*User "jane"/,
    ],
    ['expired', refuse(401, 'Unauthorized'), 'auth', /token or certificate is not valid/],
    ['wrong container', refuse(400, 'container kube-flannel is not valid for pod flannel-n1'), 'exec', /is not valid for pod/],
    [
      'kubelet down',
      refuse(500, 'error dialing backend: dial tcp 10.0.0.2:10250: connect: no route to host'),
      'connect',
      /no route to host/,
    ],
    [
      'no shell',
      () => ({broken: 'exec failed: exec: "sh": executable file not found in $PATH'}),
      'exec',
      /there is no sh: .*not found in \$PATH/,
    ],
    ['container gone', () => ({broken: 'container not found ("kube-flannel")'}), 'exec', /no shell could be started: container not found/],
    [
      'a shell that ends',
      () => ({enter: ['sh', '-c', 'echo no such user >&2; exit 5']}),
      'exec',
      /no shell could be started: .*exit code: no such user$/,
    ],
    [
      'cut at once',
      () => ({enter: ['sh', '-c', 'head -c 99 /dev/zero; sleep 5'], cutAfter: 1}),
      'connect',
      /lost before there was a shell/,
    ],
  ])('%s', async (_, exec, kind, words) => {
    api.exec = exec;
    const {failure} = await failed(go());
    expect(failure).toMatchObject({kind, message: expect.stringMatching(words)});
    expect(failure.message).toMatch(/^kube kube-flannel\/flannel-n1: /);
    expect(failure.message).not.toContain('\n');
  });

  test('the API server is gone, or never answers', async () => {
    api.exec = () => ({hang: true});
    expect((await failed(go(options(), AbortSignal.timeout(200)))).failure).toMatchObject({
      kind: 'timeout',
      message: 'timed out waiting for a shell in kube kube-flannel/flannel-n1',
    });
    const dead = await kubeClient({
      kubeconfig: place.write('dead', kubeconfig({server: 'http://127.0.0.1:9', 'insecure-skip-tls-verify': true})),
      timeoutMs: 1000,
    });
    const {failure} = await failed(go({...options(), kube: {client: dead, flannelPods: flannelPods(), namespaces: []}}));
    expect(failure).toMatchObject({kind: 'connect', message: expect.stringContaining('connection refused')});
  });

  test('no pod there, or one that does not run', async () => {
    api.pods.clear();
    expect((await failed(go())).failure.message).toBe('n1: no pod of flannel runs there');
    api.add('flannel-n1', 'n1', {
      status: {phase: 'Running', containerStatuses: [{name: 'kube-flannel', state: {waiting: {reason: 'CrashLoopBackOff'}}}]},
    });
    expect((await failed(go())).failure.message).toBe('n1: its flannel pod kube-flannel/flannel-n1 does not run (CrashLoopBackOff)');
    const {kube: _, ...without} = options();
    expect((await failed(go(without))).failure.message).toBe('n1: there is no API server to exec through');
  });
});

test('a pod that was replaced since it was listed, or was not listed, is found', async () => {
  const before = options();
  api.pods.clear();
  api.add('flannel-new', 'n1');
  api.add('flannel-other', 'n2');
  const unlisted = {...before, kube: {client, flannelPods: [], namespaces: ['kube-flannel']}};
  for (const how of [before, unlisted]) {
    await using node = await go(how);
    expect(node.via).toBe('kube kube-flannel/flannel-new');
  }
});

test('fifty nodes at a time, of which one hangs', async () => {
  const names = Array.from({length: 50}, (_, i) => `w${i}`);
  for (const name of names) api.add(`flannel-${name}`, name);
  api.exec = (pod) => ({hang: pod === 'flannel-w7'});
  const addresses = names.map((node) => ({node, via: 'kube' as const}));
  const dumps = [];
  for await (const dump of gather(addresses, {transport: options(), only: ['ip-rule'], pods: 'none', timeoutMs: 10_000, concurrency: 50})) {
    dumps.push(dump);
  }
  expect(dumps.map((d) => d.node)).toEqual(names);
  expect(dumps.filter((d) => d.failure).map((d) => [d.node, d.failure!.kind])).toEqual([['w7', 'timeout']]);
  expect(dumps[0]!.sections.map((s) => s.name)).toEqual(['host', 'ip-rule', 'skipped']);
}, 150_000);

describe('ways in their order', () => {
  const by = (otherwise: readonly Via[], how = options()) => openTransport({node: 'n1', via: 'kube', otherwise}, how, soon());
  test('the next one is taken when the first cannot be opened, which is said once', async () => {
    api.exec = () => ({refuse: {status: 403, message: 'no', reason: 'Forbidden'}});
    const how = options();
    for (let times = 0; times < 3; times++) {
      await using node = await by(['local'], how);
      expect(node.via).toBe('local');
    }
    expect(notices).toEqual([expect.stringMatching(/^n1: kube kube-flannel\/flannel-n1: exec .*\(403\).*: taking local instead$/)]);
    expect(api.asked.filter((line) => line.startsWith('EXEC')).length).toBeGreaterThan(0);
  });
  test('the first is enough while it works, and nothing is said', async () => {
    await using node = await by(['local']);
    expect([node.via, notices]).toEqual(['kube kube-flannel/flannel-n1', []]);
  });
  test('where none works, each says why', async () => {
    api.pods.clear();
    const {failure} = await failed(by(['netns', 'debug']));
    expect(failure.message).toBe('n1: no pod of flannel runs there; n1: its entry names no pid; n1: no image for a pod was named');
  });
  test('a probe takes none that sees no other pod', () => {
    expect(entering({node: 'n1', via: 'kube', otherwise: ['debug', 'ssh']})).toMatchObject({via: 'debug', otherwise: ['ssh']});
    expect(() => entering({node: 'n1', via: 'kube'})).toThrow('n1: from the flannel pod no other pod can be entered');
  });
  test('a change takes none that ends with a pod', async () => {
    const ways = (via: Via, otherwise?: readonly Via[]) => lasting({node: 'n1', via, ...(otherwise && {otherwise})});
    expect(ways('kube', ['debug', 'ssh'])).toMatchObject({via: 'ssh', otherwise: []});
    expect(ways('netns', ['kube'])).toMatchObject({via: 'netns', otherwise: []});
    expect(() => ways('kube', ['debug'])).toThrow('n1: a change keeps a journal and a timer on the node, and in a pod neither would last');
    // The way that was taken for reading is not taken for a change.
    const how = options();
    await using read = await by(['local'], how);
    await using changed = await openTransport(ways('kube', ['local']), how, soon());
    expect([read.via, changed.via]).toEqual(['kube kube-flannel/flannel-n1', 'local']);
  });
});
