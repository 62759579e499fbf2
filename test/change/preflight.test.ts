import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import type {Target} from '../../src/core/change/plan.js';
import {rules} from '../../src/core/rules/index.js';
import {connections} from '../../src/edge/change/preflight/connections.js';
import {podAddresses} from '../../src/edge/change/preflight/direct.js';
import type {Findings} from '../../src/edge/change/preflight/findings.js';
import {preflight, unsound} from '../../src/edge/change/preflight/preflight.js';
import {openRunners} from '../../src/edge/change/runners.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {breakLab, faultNamed} from '../../src/edge/lab/break.js';
import {enter, runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {addressesOf, dumpsOf} from './live.js';
import {mustPlan, plan, type Seen, see, target} from './planned.js';

const labs = testLabs();
const hostGw = target({Type: 'host-gw'});
const vxlan = target({Type: 'vxlan', VNI: 1});
const direct = target({Type: 'vxlan', VNI: 1, DirectRouting: true});
const signal = new AbortController().signal;
const transport = {sshHostKeys: 'strict' as const, notice: () => {}};

async function asked(lab: Lab, to: Target, seen?: Seen): Promise<Findings> {
  const now = seen ?? see(await dumpsOf(lab));
  await using runners = openRunners(addressesOf(lab), transport);
  const states = new Map(now.states.map((s) => [s.name, s]));
  return preflight({plan: mustPlan(now, to, {podMtu: 'set'}), cluster: now.cluster, runners, signal}, states);
}

/** What somebody wrote, of every node: learnt neighbours come and go by themselves. */
const written = async (lab: Lab): Promise<readonly string[]> => {
  const words =
    'ip route show table all; ip -6 route show table all; ip rule; ip neigh show nud permanent; ip -6 neigh show nud permanent; bridge fdb; ip -br link; ip addr; grep . /proc/sys/net/ipv4/conf/*/*; nft list ruleset; iptables-save';
  const texts = await Promise.all(lab.nodes.map((n) => runIn(lab, n.name, words)));
  return texts.map((t) => t.stdout.replace(/\[\d+:\d+\]|# .*|valid_lft.*|packets \d+ bytes \d+/g, ''));
};

const none = {refused: [], warnings: [], untried: []};

describe.skipIf(!labsWork)('what the network itself says before a change', () => {
  test('a segment that carries pods, with loose and no rp_filter; nothing is written', async () => {
    const lab = await labs.up({name: 'pf-v', nodes: 3, pods: 1});
    await labPing(lab);
    const before = await written(lab);
    expect(await asked(lab, hostGw)).toEqual(none);
    expect(await asked(lab, direct)).toEqual(none);
    for (const node of lab.nodes) await runIn(lab, node.name, 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done');
    const zero = await written(lab);
    expect(await asked(lab, hostGw)).toEqual(none);
    expect(await written(lab)).toEqual(zero);
    expect(zero.map((t) => t.replace(/rp_filter:\d/g, ''))).toEqual(before.map((t) => t.replace(/rp_filter:\d/g, '')));

    // A strict node cannot be asked beforehand, and says so; once it is loose it can.
    await runIn(lab, 'n2', 'echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter');
    const found = await asked(lab, hostGw);
    expect(found).toEqual({
      ...none,
      untried: [
        {from: 'n1', to: 'n2', why: 'rp_filter of n2 is strict'},
        {from: 'n3', to: 'n2', why: 'rp_filter of n2 is strict'},
      ],
    });
    await runIn(lab, 'n2', 'echo 2 > /proc/sys/net/ipv4/conf/eth0/rp_filter');
    const seen = see(await dumpsOf(lab));
    await using runners = openRunners(addressesOf(lab), transport);
    const states = new Map(seen.states.map((s) => [s.name, s]));
    const migrating = {plan: mustPlan(seen, hostGw), cluster: seen.cluster, runners, signal};
    expect(await podAddresses(migrating, states, new Set(['n1 n2', 'n3 n2']))).toEqual(none);
  }, 300_000);

  test('an underlay that drops pod addresses of one node is named, pair by pair', async () => {
    const lab = await labs.up({name: 'pf-drop', nodes: 3, pods: 1, dualStack: true});
    // As a hypervisor does that knows which addresses a port may send from.
    await runIn(
      lab,
      'underlay',
      'nft -f - <<E\ntable bridge spoof { chain forward { type filter hook forward priority 0; iifname "n2" ip saddr 10.244.0.0/16 drop; }; }\nE',
    );
    const before = await written(lab);
    const {refused, warnings} = await asked(lab, hostGw);
    expect(refused).toEqual([
      'n2 → n1: of 20 echo requests from 10.244.2.1 to 10.244.1.1, sent straight on eth0, fewer than 15 arrived, and those from its own address do: the underlay drops pod addresses',
      'n2 → n3: of 20 echo requests from 10.244.2.1 to 10.244.3.1, sent straight on eth0, fewer than 15 arrived, and those from its own address do: the underlay drops pod addresses',
    ]);
    expect(warnings).toEqual([expect.stringContaining('IPv6')]);
    expect(await written(lab)).toEqual(before);
  }, 300_000);

  test("a router that answers in a node's name is found out", async () => {
    const lab = await labs.up({name: 'pf-arp', nodes: 2, pods: 1});
    // n1 is told that n2 is where the gateway is, as a proxy that answers ARP for everybody does.
    const gateway = /link\/ether (\S+)/.exec((await runIn(lab, 'underlay', ['ip', 'link', 'show', 'br0'])).stdout)![1];
    await runIn(lab, 'n1', `ip neigh replace 192.168.77.12 lladdr ${gateway} dev eth0 nud permanent`);
    const {refused} = await asked(lab, hostGw);
    expect(refused).toEqual([
      `n1 → n2: ${gateway} answers for 192.168.77.12 on eth0, and n2 itself has ${lab.nodes[1]!.mac}: something between answers in its name`,
    ]);
  }, 150_000);

  test('a node behind a router is refused by its routes alone, naming the pair', async () => {
    const lab = await labs.up({name: 'pf-r', nodes: 3, pods: 1, underlay: 'routed'});
    const found = plan(see(await dumpsOf(lab)), hostGw);
    expect(found.kind === 'refused' && found.because).toContain(
      'n3 reaches n1 (192.168.77.11) through the router 192.168.78.254: host-gw needs every pair of nodes on one L2 segment',
    );
  }, 150_000);

  test("the tunnel's port: open, blocked on one node or in the underlay, taken by another program", async () => {
    const lab = await labs.up({name: 'pf-h', backend: 'host-gw', nodes: 3, pods: 1});
    const before = await written(lab);
    expect(await asked(lab, vxlan)).toEqual(none);
    expect(await written(lab)).toEqual(before);

    await runIn(lab, 'n3', 'iptables -A INPUT -p udp --dport 8472 -s 192.168.77.11 -j DROP');
    expect((await asked(lab, vxlan)).refused).toEqual([
      "n1 → n3: of 20 datagrams to UDP 8472 of 192.168.77.13 fewer than 15 arrived: the tunnel's port is blocked",
    ]);
    await runIn(lab, 'n3', 'iptables -D INPUT -p udp --dport 8472 -s 192.168.77.11 -j DROP');

    await runIn(
      lab,
      'underlay',
      'nft -f - <<E\ntable bridge block { chain forward { type filter hook forward priority 0; udp dport 8472 drop; }; }\nE',
    );
    expect((await asked(lab, vxlan)).refused).toHaveLength(6);
    expect(await asked(lab, target({Type: 'vxlan', VNI: 1, Port: 4789}))).toEqual(none);
    await runIn(lab, 'underlay', 'nft delete table bridge block');

    const holder = spawn('nsenter', [
      ...(await enter(lab, 'n2')).slice(1),
      'python3',
      '-c',
      'import socket,time; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0",8472)); print("up", flush=True); time.sleep(60)',
    ]);
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const {refused} = await asked(lab, vxlan);
    holder.kill('SIGKILL');
    expect(refused).toContain('n2: UDP 8472 is taken by python3 (0.0.0.0), and the tunnel must listen there');
  }, 450_000);

  test('a cluster with errors is not fit to be changed', async () => {
    const lab = await labs.up({name: 'pf-sick', nodes: 3, pods: 1});
    const judged = async () => {
      const dumps = await dumpsOf(lab);
      return unsound(
        (
          await diagnose(
            {
              nodes: async function* () {
                yield* dumps;
              },
            },
            {},
            rules,
          )
        ).findings,
      );
    };
    expect(await judged()).toEqual([]);
    await breakLab('pf-sick', faultNamed('fdb-row-deleted'));
    expect(await judged()).toEqual([expect.stringMatching(/^n1: .* \(fdb-missing: flanctl doctor\)$/)]);
  }, 150_000);

  test("a node's own connections to pods hold back the step that would cut them", async () => {
    const lab = await labs.up({name: 'pf-conn', nodes: 2, pods: 1});
    const pod = lab.nodes[1]!.pods[0]!;
    const server = spawn('nsenter', [
      ...(await enter(lab, pod.name)).slice(1),
      'python3',
      '-c',
      'import socket,time; s=socket.create_server(("0.0.0.0",9000)); print("up", flush=True); c,_=s.accept(); time.sleep(60)',
    ]);
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const client = spawn('nsenter', [
      ...(await enter(lab, 'n1')).slice(1),
      'python3',
      '-c',
      `import socket,time; s=socket.create_connection(("${pod.ip}",9000)); print("up", flush=True); time.sleep(60)`,
    ]);
    await new Promise((resolve) => client.stdout.once('data', resolve));
    const {cluster, states} = see(await dumpsOf(lab));
    await using runners = openRunners(addressesOf(lab), transport);
    const away = await connections(cluster, new Map(states.map((s) => [s.name, s])), hostGw, runners, signal);
    expect(away.held).toEqual([
      {
        node: 'n1',
        step: 'device',
        why: expect.stringMatching(/^it would cut n1: 10\.244\.1\.0:\d+ → 10\.244\.2\.2:9000 \(a pod of n2; python3[.\d]*, pid \d+\)$/),
      },
    ]);
    // A tunnel of another number has the address too.
    const other = target({Type: 'vxlan', VNI: 5});
    expect((await connections(cluster, new Map(states.map((s) => [s.name, s])), other, runners, signal)).held).toEqual([]);
    client.kill('SIGKILL');
    server.kill('SIGKILL');
  }, 150_000);
});

test('the probe leaves nothing behind: it names no file to write', () => {
  const script = readFileSync(new URL('../../src/edge/change/preflight/probe.sh', import.meta.url), 'utf8');
  expect([...script.matchAll(/(?<![<&0-9])>\s*"?([^\s&"|;)]+)/g)].map((m) => m[1])).toEqual(
    expect.not.arrayContaining([expect.stringMatching(/^\/(?!dev\/)/)]),
  );
});
