import {execFileSync, spawn} from 'node:child_process';
import {mkdirSync, readFileSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {Ajv2020} from 'ajv/dist/2020.js';
import {describe, expect, test, vi} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import {inhabitants} from '../../src/edge/lab/namespaces.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {TraceReport} from '../../src/edge/reporters/documents.js';
import {runProcess} from '../../src/edge/transports/run-process.js';
import {confirm, evidenceOf} from './confirm.js';
import {flanctl} from './flanctl.js';
import {labsWork, testLabs} from './in-lab.js';

// Many runs of the command, each with seconds of waiting for what does not come.
vi.setConfig({testTimeout: 180_000});

const labs = testLabs();
const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/schema/TraceReport.json'), 'utf8')) as object;
const valid = new Ajv2020({strict: true, allowUnionTypes: true}).compile(schema);

const trace = async (lab: Lab, ...words: readonly string[]) => {
  const ran = await flanctl(['trace', ...words, '--lab', lab.spec.name, '-o', 'json', '--quiet']);
  const document = JSON.parse(ran.stdout) as TraceReport;
  expect(valid(document), JSON.stringify(valid.errors)).toBe(true);
  return {...document, code: ran.code, probe: document.probe!};
};
const sh = async (lab: Lab, at: string, script: string) => {
  const ran = await runIn(lab, at, script);
  expect([ran.code, ran.stderr]).toEqual([0, '']);
};
const brief = ({probe, code}: Awaited<ReturnType<typeof trace>>) => ({
  code,
  agrees: probe.agrees,
  gaps: probe.gaps,
  packets: probe.packets.map((p) => `${p.name} ${p.there.measured} ${p.back?.measured}`),
});

describe.skipIf(!labsWork)('a healthy lab agrees', () => {
  test.each(['vxlan', 'host-gw'] as const)('%s: icmp, udp and tcp, both families, small and as large as fits', async (backend) => {
    const lab = await labs.up({name: `ph${backend.slice(0, 1)}`, backend, dualStack: true, nodes: 2, pods: 1});
    const evidence = await evidenceOf(lab);
    const over = backend === 'vxlan' ? ['over lost undefined'] : [];
    for (const proto of ['icmp', 'udp', 'tcp'] as const)
      for (const family of [4, 6] as const) {
        const {probe, exit} = await confirm(lab, 'n1-p1', 'n2-p1', {proto, family}, evidence, true);
        const sizes = proto === 'tcp' ? [] : ['largest arrives arrives', ...(family === 6 ? over : [])];
        expect(
          {
            exit,
            agrees: probe!.agrees,
            gaps: probe!.gaps,
            packets: probe!.packets.map((p) => `${p.name} ${p.there.measured} ${p.back?.measured}`),
          },
          `${proto} IPv${family}: ${probe!.headline}`,
        ).toEqual({exit: 0, agrees: true, gaps: [], packets: ['small arrives arrives', ...sizes]});
        const small = probe!.packets[0]!;
        expect(small.seen.length).toBeGreaterThan(10);
        expect(small.seen.filter((s) => s.seen !== true)).toEqual([]);
        expect(small.answer).toBe(proto === 'icmp' ? 'answered' : 'refused');
      }
  });

  test('with the command: from a pod, from a node, to a port that somebody listens on, and out of the cluster', async () => {
    const lab = await labs.up({name: 'phc', nodes: 2, pods: 1});
    expect(brief(await trace(lab, 'n1-p1', 'n2-p1', '--probe'))).toEqual({
      code: 0,
      agrees: true,
      gaps: [],
      packets: ['small arrives arrives', 'largest arrives arrives'],
    });
    expect((await trace(lab, 'n1', 'n2-p1', '--capture')).code).toBe(0);
    expect((await trace(lab, 'n1-p1', 'n2', '--capture', '--size', '1000')).probe.packets.map((p) => p.name)).toEqual([
      'small',
      'asked',
      'largest',
    ]);
    // The outside answers: what was only inferred is now proven.
    const outside = await trace(lab, 'n1-p1', '203.0.113.1', '--probe');
    expect([outside.code, outside.probe.agrees]).toEqual([0, true]);
    // Ends with the lab.
    const listener = 'import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(("",80))\nwhile True: s.recv(2000)';
    void runIn(lab, 'n2-p1', ['python3', '-c', listener]);
    await sleep(500);
    const silent = await trace(lab, 'n1-p1', 'n2-p1', '--probe', '--proto', 'udp', '--size', '100');
    expect([silent.code, silent.probe.packets[0]!.there.measured, silent.probe.packets[0]!.answer]).toEqual([0, 'arrives', 'silent']);
  });
});

describe.skipIf(!labsWork)('where tables and wire part', () => {
  test('a drop in the fabric is the headline, with the place, in every form; exit 1', async () => {
    const lab = await labs.up({name: 'pfd', nodes: 2, pods: 1});
    await sh(
      lab,
      'underlay',
      'nft -f - <<E\ntable bridge fabric { chain f { type filter hook forward priority 0; udp dport 8472 ip daddr 192.168.77.12 drop; }; }\nE',
    );
    const json = await trace(lab, 'n1-p1', 'n2-p1', '--capture');
    expect([json.code, json.exit, json.probe.agrees]).toEqual([1, 1, false]);
    expect(json.directions.map((d) => d.verdict)).toEqual(['reachable', 'reachable']);
    expect(json.probe.headline).toContain('the wire disagrees');
    expect(json.probe.packets[0]!.died).toEqual({
      direction: 'there',
      after: {node: 'n1', pod: null, dev: 'eth0'},
      before: {node: 'n2', pod: null, dev: 'eth0'},
    });
    expect(json.probe.hints.join()).toMatch(/between the nodes n1 and n2[\s\S]*UDP 8472/);
    const table = await flanctl(['trace', 'n1-p1', 'n2-p1', '--lab', 'pfd', '--capture', '--quiet']);
    expect(table.code).toBe(1);
    expect(table.stdout.split('\n')[1]).toMatch(
      /^✖ the wire disagrees: the small packet \(84 bytes\) should arrive and be answered, but is lost/,
    );
    expect(table.stdout).toMatch(/● flannel\.1 out {2}● eth0 out in the tunnel[\s\S]*○ eth0 in in the tunnel/);
    expect(table.stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
    for (const form of ['svg', 'mermaid']) {
      const drawn = await flanctl(['trace', 'n1-p1', 'n2-p1', '--lab', 'pfd', '--capture', '--quiet', '-o', form]);
      expect([drawn.code, drawn.stdout.includes('the wire disagrees'), drawn.stdout.includes('cni0 in')]).toEqual([1, true, true]);
    }
    // Without capture the receiver alone is watched.
    const probed = await trace(lab, 'n1-p1', 'n2-p1', '--probe');
    expect([probed.code, probed.probe.packets[0]!.there]).toEqual([1, {predicted: 'arrives', measured: 'lost'}]);
    // The other way its answer is lost.
    const back = await trace(lab, 'n2-p1', 'n1-p1', '--capture', '--proto', 'tcp');
    expect([back.code, back.probe.packets[0]!.there.measured, back.probe.packets[0]!.back?.measured]).toEqual([1, 'arrives', 'lost']);
    expect(back.probe.packets[0]!.died).toMatchObject({
      direction: 'back',
      after: {node: 'n1', dev: 'eth0'},
      before: {node: 'n2', dev: 'eth0'},
    });
  });

  test('a fabric that takes less than the nodes believe loses the large one only', async () => {
    const lab = await labs.up({name: 'pfl', nodes: 2, pods: 1, backend: 'host-gw'});
    await sh(
      lab,
      'underlay',
      'nft -f - <<E\ntable bridge fabric { chain f { type filter hook forward priority 0; ip length > 1400 drop; }; }\nE',
    );
    const json = await trace(lab, 'n1-p1', 'n2-p1', '--probe');
    expect(brief(json)).toMatchObject({code: 1, agrees: false, packets: ['small arrives arrives', 'largest lost null']});
    expect(json.probe.hints.join()).toContain('Small packets pass and large ones do not');
  });

  test('a node that drops what no table shows: it is named', async () => {
    const lab = await labs.up({name: 'pfn', nodes: 2, pods: 1});
    const evidence = await evidenceOf(lab);
    await sh(
      lab,
      'n2',
      'nft -f - <<E\ntable netdev hidden { chain f { type filter hook ingress device eth0 priority 0; udp dport 8472 drop; }; }\nE',
    );
    const {probe, exit} = await confirm(lab, 'n1-p1', 'n2-p1', {proto: 'icmp'}, evidence, true);
    expect([exit, probe!.agrees]).toEqual([1, false]);
    expect(probe!.packets[0]!.died).toMatchObject({after: {node: 'n2', dev: 'eth0'}, before: {node: 'n2', dev: 'flannel.1'}});
    expect(probe!.hints.join()).toContain('does not unwrap it');
  });

  test('it arrives though the tables say that it is lost: exit 3', async () => {
    const lab = await labs.up({name: 'pfs', nodes: 2, pods: 1});
    await sh(lab, 'n1', 'ip route del 10.244.2.0/24');
    const evidence = await evidenceOf(lab);
    await sh(lab, 'n1', 'ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink');
    const {probe, exit} = await confirm(lab, 'n1-p1', 'n2-p1', {proto: 'icmp'}, evidence);
    expect([exit, probe!.agrees]).toEqual([3, false]);
    expect(probe!.headline).toBe('the wire disagrees: the small packet (84 bytes) should be lost, but arrives');
  });
});

describe.skipIf(!labsWork)('what it leaves, and what it lacks', () => {
  test('one pcapng file of all that was seen, by time; nothing on the nodes, also when it is interrupted', async () => {
    const lab = await labs.up({name: 'pfp', nodes: 2, pods: 1});
    const file = join(labs.root, 'way.pcapng');
    const json = await trace(lab, 'n1-p1', 'n2-p1', '--capture', '--pcap', file);
    expect([json.code, json.probe.pcap]).toEqual([0, file]);
    const lines = execFileSync('tcpdump', ['-n', '-tt', '-r', file], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']})
      .trimEnd()
      .split('\n');
    // Two echoes there and back at ten devices each, and in the tunnel at two of them.
    expect(lines.filter((line) => line.includes('ICMP echo')).length).toBe(40);
    expect(lines.filter((line) => line.includes('8472: OTV')).length).toBe(8);
    const times = lines.map((line) => Number(line.split(' ')[0])).filter((n) => !Number.isNaN(n));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(readFileSync(file).includes('n1/n1-p1/eth0')).toBe(true);
    const working = async () => (await inhabitants('pfp')).filter((one) => /tcpdump|ping|python/.test(one.command));
    expect(await working()).toEqual([]);

    await sh(lab, 'n1', 'bridge fdb del $(bridge fdb show dev flannel.1 | cut -d" " -f1) dev flannel.1');
    const bin = join(import.meta.dirname, '../../bin/run.js');
    const child = spawn(process.execPath, [bin, 'trace', 'n1-p1', 'n2-p1', '--lab', 'pfp', '--capture', '--quiet'], {stdio: 'ignore'});
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    for (let n = 0; n < 200 && (await working()).length < 3; n++) await sleep(50);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    for (let n = 0; n < 100 && (await working()).length > 0; n++) await sleep(50);
    expect(await working()).toEqual([]);
  });

  test('a node with busybox only: ping works, the rest is a gap that says what is missing', async () => {
    const lab = await labs.up({name: 'pfb', nodes: 2, pods: 1});
    const bin = join(labs.root, 'bin');
    mkdirSync(bin);
    const busybox = execFileSync('sh', ['-c', 'command -v busybox'], {encoding: 'utf8'}).trim();
    for (const applet of [
      'sh',
      'ping',
      'ping6',
      'grep',
      'nsenter',
      'id',
      'sleep',
      'env',
      'cat',
      'cut',
      'head',
      'tail',
      'tr',
      'sed',
      'od',
      'ls',
      'kill',
    ])
      symlinkSync(busybox, join(bin, applet));
    const evidence = await evidenceOf(lab);
    const connect = async (node: string) => {
      const {pid} = lab.nodes.find((n) => n.name === node)!;
      const enter = ['-t', String(pid), '-m', '-u', '-n', '-p', '--', 'env', '-i', `PATH=${bin}`, join(bin, 'sh'), '-s', '--'];
      return {
        node,
        via: 'busybox',
        run: (script: string, args: readonly string[], {signal}: {signal: AbortSignal}) =>
          runProcess('nsenter', [...enter, ...args], script, {signal, via: 'busybox'}),
        async [Symbol.asyncDispose]() {},
      };
    };
    const bare = {...evidence, connect};
    const icmp = await confirm(lab, 'n1-p1', 'n2-p1', {proto: 'icmp'}, bare, true);
    expect([icmp.exit, icmp.probe!.agrees, icmp.probe!.packets.map((p) => p.answer)]).toEqual([0, true, ['answered', 'answered']]);
    expect(icmp.probe!.gaps).toEqual(['n1', 'n2'].map((node) => ({node, what: 'capture', why: 'tcpdump is not installed there'})));
    expect(icmp.probe!.headline).toContain('as far as it could be seen');
    const udp = await confirm(lab, 'n1-p1', 'n2-p1', {proto: 'udp'}, bare);
    expect([udp.exit, udp.probe!.agrees, udp.probe!.packets[0]!.answer, udp.probe!.packets[0]!.said]).toEqual([
      3,
      null,
      'missing',
      'python3 or bash',
    ]);
  });

  test('without bash or python3, bash alone and nc alone reach a port', async () => {
    const lab = await labs.up({name: 'pft', nodes: 2, pods: 1});
    const evidence = await evidenceOf(lab);
    for (const [tool, protos] of [
      ['bash', ['tcp', 'udp']],
      ['nc', ['tcp']],
    ] as const) {
      const bin = join(labs.root, `only-${tool}`);
      mkdirSync(bin);
      const which = (name: string) => execFileSync('sh', ['-c', `command -v ${name}`], {encoding: 'utf8'}).trim();
      for (const name of ['sh', 'grep', 'nsenter', 'id', 'sleep', 'env', 'cut', 'head', 'tail', ...(tool === 'bash' ? ['bash'] : [])])
        symlinkSync(which(name), join(bin, name));
      if (tool === 'nc') symlinkSync(which('busybox'), join(bin, 'nc'));
      const connect = async (node: string) => {
        const {pid} = lab.nodes.find((n) => n.name === node)!;
        const enter = ['-t', String(pid), '-m', '-u', '-n', '-p', '--', 'env', '-i', `PATH=${bin}`, join(bin, 'sh'), '-s', '--'];
        return {
          node,
          via: tool,
          run: (script: string, args: readonly string[], {signal}: {signal: AbortSignal}) =>
            runProcess('nsenter', [...enter, ...args], script, {signal, via: tool}),
          async [Symbol.asyncDispose]() {},
        };
      };
      for (const proto of protos) {
        const {probe} = await confirm(lab, 'n1-p1', 'n2-p1', {proto}, {...evidence, connect});
        expect([tool, proto, ...probe!.packets.map((p) => p.answer)]).toEqual([
          tool,
          proto,
          'refused',
          ...(proto === 'udp' ? ['refused'] : []),
        ]);
      }
    }
  });

  test('what cannot be sent is refused', async () => {
    const lab = await labs.up({name: 'pfr', nodes: 2, pods: 1});
    const base = join(import.meta.dirname, '../bases/vxlan.ndjson');
    const snapshot = await flanctl(['trace', 'n1-p1', 'n2-p1', '--snapshot', base, '--probe']);
    expect([snapshot.code, snapshot.stdout]).toEqual([2, '']);
    expect(snapshot.stderr).toContain('need live nodes, not a snapshot');
    const blind = await flanctl(['trace', '10.244.1.2', 'n2', '--lab', lab.spec.name, '--pods', 'none', '--capture', '--quiet']);
    expect([blind.code, blind.stdout]).toEqual([2, '']);
    expect(blind.stderr).toContain('nothing can be sent from inside it');
    expect((await flanctl(['trace', 'n1-p1', 'n2-p1', '--lab', lab.spec.name, '--pcap', 'x'])).code).toBe(2);
  });
});
