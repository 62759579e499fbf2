import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {cutsIn} from '../../src/core/change/cuts.js';
import type {Runner} from '../../src/edge/change/mesh.js';
import {type Connections, connections} from '../../src/edge/change/preflight/connections.js';
import {openRunners} from '../../src/edge/change/runners.js';
import {enter} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangePlan, ChangeReport} from '../../src/edge/reporters/documents.js';
import {doctor, flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {put} from './harm.js';
import {addressesOf, dumpsOf, transportOf} from './live.js';
import {mustPlan, see, target} from './planned.js';
import {rpFilter} from './rehearse.js';

const server = `import socket, threading
def echo(c):
  while True:
    data = c.recv(64)
    if not data: return
    c.sendall(data)
s = socket.create_server(("0.0.0.0", 9000))
print("up", flush=True)
while True:
  c, _ = s.accept()
  threading.Thread(target=echo, args=(c,), daemon=True).start()`;
/** Holds connections open and uses each all the time; at a line on stdin it says what has become of them. */
const client = `import select, socket, sys, time
held = []
for i in range(int(sys.argv[2])):
  c = socket.create_connection((sys.argv[1], 9000)); c.settimeout(8); held.append(c)
print("up", flush=True)
def use():
  for c in list(held):
    try:
      c.sendall(b"x")
      if c.recv(64) != b"x": raise OSError("closed")
    except OSError as error:
      held.remove(c); print("lost", error, flush=True)
rounds = 1
while not select.select([sys.stdin], [], [], 0.05)[0]:
  use(); rounds += 1
use()
print("held", len(held), rounds, flush=True)`;

/** TCP connections from a node's own network to a pod of another node, used all the time while the backend changes. */
describe.skipIf(!labsWork)('long connections of a node itself, and the commands', () => {
  const labs = testLabs();
  const state = mkdtempSync(join(tmpdir(), 'flanctl-clients-'));
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(state, {recursive: true, force: true});
  });

  async function start(lab: Lab, place: string, program: string, ...words: readonly string[]): Promise<ChildProcess & {said: string}> {
    const child = spawn('nsenter', [...(await enter(lab, place)).slice(1), 'python3', '-c', program, ...words]);
    children.push(child);
    const heard = Object.assign(child, {said: ''});
    child.stderr.resume();
    await new Promise<void>((resolve) =>
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        heard.said += text;
        resolve();
      }),
    );
    return heard;
  }
  async function held(asked: ChildProcess & {said: string}): Promise<string> {
    const over = new Promise((resolve) => asked.once('close', resolve));
    asked.stdin!.end('now\n');
    await over;
    return asked.said.replace('up\n', '').trim();
  }
  async function clients(name: string, backend: 'vxlan' | 'host-gw', count: number) {
    const lab = await labs.up({name, backend, nodes: 2, pods: 1});
    await rpFilter(lab, 1);
    await labPing(lab);
    const pod = lab.nodes[1]!.pods[0]!;
    await start(lab, pod.name, server);
    return {lab, pod: `${pod.ip}:9000`, open: () => start(lab, 'n1', client, pod.ip, String(count))};
  }
  const migrate = async (lab: Lab, ...words: readonly string[]) => {
    const args = ['migrate', ...words, '--lab', lab.spec.name, '--probe-interval', '0', '-o', 'json'];
    const {code, stdout, stderr} = await flanctl(args, {XDG_STATE_HOME: state});
    expect({code, said: code === 0 ? '' : stderr + stdout}).toEqual({code: 0, said: ''});
    return {document: JSON.parse(stdout) as unknown, stderr};
  };
  /** What flanctl learns of the connections where the node shows only its sockets. */
  async function untracked(lab: Lab, to: ReturnType<typeof target>) {
    const seen = see(await dumpsOf(lab));
    await using runners = openRunners(addressesOf(lab), transportOf(lab));
    const hide = (runner: Runner): Runner => ({
      ...runner,
      async run(...call) {
        const out = await runner.run(...call);
        const lines = out.stdout.toString().split('\n');
        return {...out, stdout: Buffer.from(lines.filter((l) => !l.startsWith('flow ') && l !== 'tracked yes').join('\n'))};
      },
    });
    const states = new Map(seen.states.map((s) => [s.name, s]));
    const blind = new Map([...runners].map(([name, runner]) => [name, hide(runner)]));
    const found: Connections = await connections(seen.cluster, states, to, blind, new AbortController().signal);
    return {found, cuts: cutsIn(mustPlan(seen, to, {podMtu: 'set', held: found.held}), found.found)};
  }

  test('vxlan to host-gw: named, the deletion of the device held back, alive all the way, and finished later', async () => {
    const {lab, pod, open} = await clients('cl-v', 'vxlan', 1);
    const connection = await open();
    const cut = {
      node: 'n1',
      local: expect.stringMatching(/^10\.244\.1\.0:\d+$/),
      remote: pod,
      peer: 'n2',
      process: expect.stringMatching(/^python3[.\d]*, pid \d+$/),
      step: 'deleting flannel.1',
      held: true,
      why: 'its own address goes with the device',
    };
    const dry = (await migrate(lab, '--to', 'host-gw', '--dry-run')).document as ChangePlan;
    expect(dry.plan.cuts).toEqual([cut]);
    expect((await untracked(lab, target({Type: 'host-gw'}))).cuts).toEqual([cut]);

    const {document, stderr} = await migrate(lab, '--to', 'host-gw', '--yes');
    const report = document as ChangeReport;
    expect(report).toMatchObject({outcome: 'done', cuts: [cut]});
    expect(report.left).toEqual([
      {
        node: 'n1',
        what: 'deleting flannel.1',
        why: expect.stringMatching(
          /^it would cut n1: 10\.244\.1\.0:\d+ → 10\.244\.2\.2:9000 \(a pod of n2; python3.*, pid \d+\); when they are closed: flanctl apply --prune$/,
        ),
      },
    ]);
    expect(stderr).toMatch(/left as it is on n1: deleting flannel\.1: it would cut n1: 10\.244\.1\.0:/);
    expect(await put(lab, 'n1', 'ip -br link show type vxlan')).toContain('flannel.1');
    expect(await put(lab, 'n2', 'ip -br link show type vxlan')).toBe('');
    expect(await held(connection)).toMatch(/^held 1 \d+$/);

    expect(await flanctl(['apply', '--prune', '--yes', '--lab', 'cl-v'], {XDG_STATE_HOME: state})).toMatchObject({code: 0});
    expect(await put(lab, 'n1', 'ip -br link show type vxlan')).toBe('');
    expect(await doctor(['--lab', 'cl-v'])).toMatchObject({code: 0, findings: []});
  }, 300_000);

  test('host-gw to vxlan: those under a masquerade are named with the wave that resets them, the first ten in words', async () => {
    const {lab, pod, open} = await clients('cl-h', 'host-gw', 12);
    const connection = await open();
    const cut = {
      node: 'n1',
      local: expect.stringMatching(/^192\.168\.77\.11:\d+$/),
      remote: pod,
      peer: 'n2',
      process: expect.stringMatching(/^python3[.\d]*, pid \d+$/),
      step: 'flip 1/2: n1',
      held: false,
      why: 'it is masqueraded, and its route changes from eth0 to flannel.1: nothing can save it; the next connection works at once',
    };
    const dry = (await migrate(lab, '--to', 'vxlan', '--pod-mtu', 'set', '--dry-run')).document as ChangePlan;
    expect(dry.plan.cuts).toEqual(Array.from({length: 12}, () => cut));
    expect(new Set(dry.plan.cuts!.map((c) => c.local)).size).toBe(12);
    expect(dry.plan.left).toEqual([]);
    const named = dry.plan.warnings.filter((w) => w.includes('will be reset'));
    expect(named).toHaveLength(10);
    expect(named[0]).toMatch(
      /^n1: 192\.168\.77\.11:\d+ → 10\.244\.2\.2:9000 \(a pod of n2; python3[.\d]*, pid \d+\) will be reset by "flip 1\/2: n1": it is masqueraded, /,
    );
    expect(dry.plan.warnings).toContain('and 2 more (flanctl migrate --dry-run -o json names all)');
    const blind = await untracked(lab, target({Type: 'vxlan', VNI: 1}));
    expect(blind.cuts).toEqual(dry.plan.cuts);
    expect(blind.found.unseen.map((u) => u.what)).toEqual(['its masqueraded flows', 'its masqueraded flows']);
    const {document, stderr} = await migrate(lab, '--to', 'vxlan', '--pod-mtu', 'set', '--yes');
    expect(document).toMatchObject({outcome: 'done', cuts: dry.plan.cuts, left: []});
    // Before anything began.
    expect(stderr.indexOf('will be reset by')).toBeLessThan(stderr.indexOf('timers of'));
    expect(await held(connection)).toMatch(/^(lost .*\n){12}held 0 \d+$/);
    expect(await doctor(['--lab', 'cl-h'])).toMatchObject({code: 0, findings: []});
  }, 300_000);

  test('host-gw to vxlan without a masquerade: strict rp_filter stays loose at both ends, and they live', async () => {
    const {lab, open} = await clients('cl-s', 'host-gw', 2);
    for (const {name} of lab.nodes)
      await put(lab, name, 'iptables -t nat -F FLANNEL-POSTRTG; sed -i s/IPMASQ=true/IPMASQ=false/ /run/flannel/subnet.env');
    const connection = await open();
    const {document} = await migrate(lab, '--to', 'vxlan', '--pod-mtu', 'set', '--yes');
    const report = document as ChangeReport;
    expect(report.outcome).toBe('done');
    expect(report.cuts!.map((c) => [c.node, c.held, c.step])).toEqual(
      Array.from({length: 2}, () => ['n1', true, expect.stringMatching(/^n[12]: net\/ipv4\/conf\/\S+\/rp_filter back to 1$/)]),
    );
    expect(new Set(report.left.map((l) => l.node))).toEqual(new Set(['n1', 'n2']));
    const later = report.left.map((l) => ({node: l.node, command: /when they are closed: (sysctl -w \S+)$/.exec(l.why)?.[1]}));
    expect(later).toContainEqual({node: 'n1', command: 'sysctl -w net/ipv4/conf/eth0/rp_filter=1'});
    expect(await put(lab, 'n1', 'cat /proc/sys/net/ipv4/conf/eth0/rp_filter')).toBe('2\n');
    expect(await held(connection)).toMatch(/^held 2 \d+$/);
    for (const {node, command} of later) await put(lab, node, command!);
    expect(await put(lab, 'n1', 'cat /proc/sys/net/ipv4/conf/eth0/rp_filter')).toBe('1\n');
    expect((await labPing(lab)).pairs.filter((p) => !p.small && p.to !== 'outside')).toEqual([]);
  }, 300_000);
});
