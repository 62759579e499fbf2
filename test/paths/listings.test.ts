import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import type {Walk} from '../../src/core/path/step.js';
import {importFolder} from '../../src/edge/snapshots/import.js';
import {openTrace, type Traced} from '../../src/edge/trace.js';
import {traceReport} from '../../src/edge/trace-report.js';

/**
 * The listings of the articles, nothing else, walked from end to end: an entry that was printed decides where there is one; what an article
 * leaves out is inferred or unknown there, and no end of such a walk is good.
 *
 * What is wrong or missing in the article on flannel itself (`vxlan`, `host-gw`, `vxlan-kubeadm`):
 * - It says of pod 2.10 that its packet goes to 192.168.31.63; by its own rows 10.244.2.0/24 is on .61, and .63 has 10.244.1.0/24.
 * - It puts pod 1 at 1.10; the pod whose routes it prints has 10.244.0.45, and the node 10.244.0.1/24. No pod's name is printed: `pod1` is its word.
 * - Of vxlan it prints no route to 192.168.31.0/24, without which no kernel takes the gateway 192.168.31.1, nor the node's own address, which
 *   only the host-gw listing of the same node has (.62). Of .61 and .63 it prints nothing, and of no node the devices.
 * - The pod's routes are repeated for both: its route to the whole 10.244.0.0/16 beside the default is flannel's CNI plugin's own.
 * - With host-gw it speaks of eth0, and its rows of ens33.
 * - In its first half `ip neigh` is of k8s-node2 and `bridge fdb` of k8s-master1, and the lines of `ip route` end in strokes.
 * - It says that FLANNEL_SUBNET=10.244.0.1/24 gives 255 subnets: 10.244.0.0/16 in /24 gives 256.
 */
const folder = (name: string): string => join(import.meta.dirname, '../outputs/seeds-folders', name);

async function traced(name: string, from: string, to: string): Promise<Traced> {
  const tracer = await openTrace(await importFolder(folder(name)), {}, {ends: [from, to]});
  return tracer.trace(tracer.endpoint(from), tracer.endpoint(to), {proto: 'icmp'});
}

/** `place: kind what decided`, with a question mark where it was not observed. */
const steps = (walk: Walk | undefined): readonly string[] =>
  (walk?.hops ?? []).flatMap((hop) =>
    hop.steps.map(({kind, text, evidence, certainty}) => {
      const said = (kind === 'route' || kind === 'rule' ? evidence[0]?.lines[0] : undefined) ?? text;
      return `${hop.place}: ${certainty === 'observed' ? '' : '? '}${kind} ${said}`;
    }),
  );
const exit = (found: Traced, assumed = false): number => traceReport(found, {proto: 'icmp', port: null}, [], assumed).exit;
/** Every line that is shown as evidence was printed by somebody. */
const quoted = (found: Traced): readonly string[] =>
  [found.there, found.back].flatMap((w) => w?.hops.flatMap((h) => h.steps.flatMap((s) => s.evidence.flatMap((e) => e.lines))) ?? []);

describe('flannel with vxlan, 10.244.x on 192.168.31.6x', () => {
  test('from the pod to 10.244.1.20: its gateway, the route, ARP, FDB, and the tunnel to .63, of which nothing was read', async () => {
    const found = await traced('vxlan', '10.244.0.45', '10.244.1.20');
    expect(steps(found.there)).toEqual([
      'pod pod1: ? send 10.244.0.45 → 10.244.1.20, icmp, 84 bytes',
      'pod pod1: route 10.244.0.0/16 via 10.244.0.1 dev eth0',
      'pod pod1: ? neighbour 10.244.0.1 is k8s-node2, a hardware address that was not read',
      'k8s-node2: ? bridge veth of pod1, port of cni0',
      'k8s-node2: route 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      'k8s-node2: neighbour 10.244.1.0 is ca:2a:a4:59:b6:55',
      'k8s-node2: fdb ca:2a:a4:59:b6:55 is at 192.168.31.63',
      'k8s-node2: ? encapsulate VXLAN 1: an address that was not listed → 192.168.31.63, UDP 8472, 50 bytes more',
      'k8s-node2: route default via 192.168.31.1 dev ens33 proto static metric 100',
      'k8s-node2: ? route no listed route leads to 192.168.31.1 itself: some were left out, and a nearer one may be among them',
      'k8s-node2: ? neighbour 192.168.31.1 is no node, and nobody has asked for its hardware address yet',
      'underlay: ? underlay router 192.168.31.1, nobody can look into, forwards to 192.168.31.63',
      '192.168.31.63: ? receive a node of which nothing was read',
      '192.168.31.63: ? decapsulate its own end of the tunnel would take it',
      '192.168.31.63: ? route 10.244.1.0/24 would be its own, on its bridge',
      '192.168.31.63: ? deliver whether 10.244.1.20 is there is not known: 192.168.31.63 was not read',
    ]);
    expect(found.there.verdict).toMatchObject({kind: 'unknown', disposition: 'unknown', hop: 4});
    // What was assumed of a fabric does not stand for a node that was not read.
    expect([exit(found), exit(found, true)]).toEqual([3, 3]);
    expect(quoted(found)).toEqual([
      '10.244.0.0/16 via 10.244.0.1 dev eth0',
      '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      '10.244.1.0 dev flannel.1 lladdr ca:2a:a4:59:b6:55 PERMANENT',
      'ca:2a:a4:59:b6:55 dev flannel.1 dst 192.168.31.63 self permanent',
      'default via 192.168.31.1 dev ens33 proto static metric 100',
    ]);
  });

  test('10.244.2.x is on .61 by the rows, whatever the text says; a pod that nobody printed goes the same way', async () => {
    for (const from of ['pod1', '10.244.0.77']) {
      const lines = steps((await traced('vxlan', from, '10.244.2.10')).there);
      expect(lines).toEqual(
        expect.arrayContaining([
          'k8s-node2: neighbour 10.244.2.0 is d2:d0:1b:a7:a9:cd',
          'k8s-node2: fdb d2:d0:1b:a7:a9:cd is at 192.168.31.61',
          '192.168.31.61: ? deliver whether 10.244.2.10 is there is not known: 192.168.31.61 was not read',
        ]),
      );
    }
  });

  test('the node to its own pod, there and back, as far as its firewall is not asked', async () => {
    const found = await traced('vxlan', 'k8s-node2', 'pod1');
    expect(steps(found.there)).toEqual([
      'k8s-node2: send 10.244.0.1 → 10.244.0.45, icmp, 84 bytes',
      'k8s-node2: route 10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1',
      'k8s-node2: ? neighbour 10.244.0.45 is pod pod1, a hardware address that was not read',
      'k8s-node2: ? fdb behind one of the ports of cni0, say veth of pod1',
      'pod pod1: ? receive eth0',
      'pod pod1: ? deliver pod pod1 has 10.244.0.45',
    ]);
    expect(found.there.verdict).toMatchObject({kind: 'unknown', because: expect.stringContaining('firewall of k8s-node2 was not read')});
    expect(exit(found)).toBe(3);
  });

  test('the half with 10.4.7.x: what node2 does is followed up to the entries that only the master’s listing has', async () => {
    const found = await traced('vxlan-kubeadm', 'k8s-node2', '10.244.2.10');
    expect(steps(found.there)).toEqual([
      // Over flannel.1 it sends from that device's address, which nobody printed, and not from 10.4.7.21.
      'k8s-node2: ? send an address that was not listed → 10.244.2.10, icmp, 84 bytes',
      'k8s-node2: route 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      'k8s-node2: neighbour 10.244.2.0 is ea:ca:d6:62:be:21',
      'k8s-node2: ? fdb the forwarding entries of flannel.1 were not read',
    ]);
    expect(exit(found)).toBe(3);
  });
});

describe('flannel with host-gw, the same node', () => {
  test('by the gateway to .63, without a tunnel', async () => {
    const found = await traced('host-gw', 'pod1', '10.244.1.20');
    expect(steps(found.there)).toEqual([
      'pod pod1: ? send 10.244.0.45 → 10.244.1.20, icmp, 84 bytes',
      'pod pod1: route 10.244.0.0/16 via 10.244.0.1 dev eth0',
      'pod pod1: ? neighbour 10.244.0.1 is k8s-node2, a hardware address that was not read',
      'k8s-node2: ? bridge veth of pod1, port of cni0',
      'k8s-node2: route 10.244.1.0/24 via 192.168.31.63 dev ens33',
      'k8s-node2: ? neighbour 192.168.31.63 is no node, and nobody has asked for its hardware address yet',
      '192.168.31.63: ? receive a node of which nothing was read',
      '192.168.31.63: ? route 10.244.1.0/24 would be its own, on its bridge',
      '192.168.31.63: ? deliver whether 10.244.1.20 is there is not known: 192.168.31.63 was not read',
    ]);
    expect(found.there.verdict).toMatchObject({kind: 'unknown', hop: 3});
    expect(exit(found)).toBe(3);
  });
  test('the world is reached by the default route, and a subnet that no row has is no peer’s', async () => {
    expect(steps((await traced('host-gw', 'k8s-node2', '192.0.2.7')).there)).toEqual([
      'k8s-node2: send 192.168.31.62 → 192.0.2.7, icmp, 84 bytes',
      'k8s-node2: route default via 192.168.31.1 dev ens33 proto static metric 100',
      'k8s-node2: ? neighbour 192.168.31.1 is no node, and nobody has asked for its hardware address yet',
      'underlay: ? underlay router 192.168.31.1; what is beyond was not gathered',
    ]);
    const stray = await traced('host-gw', 'pod1', '10.244.9.9');
    expect(steps(stray.there).at(-1)).toContain('router 192.168.31.1 knows nothing of the pod address 10.244.9.9');
  });
});

describe('the article on a VPC’s routes: docker0, and of node .22 `route -n` alone', () => {
  test.each([
    ['pod', '10.100.38.5', ['pod 10.100.38.5: ? send 10.100.38.5 → 10.100.14.5, icmp, 84 bytes']],
    // Its own address is in no row, and docker0's is not what it sends from by eth0.
    ['node', 'node-22', ['node-22: ? send an address that was not listed → 10.100.14.5, icmp, 84 bytes']],
  ] as const)('host-gw: from the %s by the row to .21', async (_what, from, first) => {
    const found = await traced('docker0-host-gw', from, '10.100.14.5');
    const lines = steps(found.there);
    expect(lines.slice(0, 1)).toEqual(first);
    expect(lines.slice(-5)).toEqual([
      'node-22: route 10.100.14.0/24 via 10.110.110.21 dev eth0',
      'node-22: ? neighbour 10.110.110.21 is no node, and nobody has asked for its hardware address yet',
      '10.110.110.21: ? receive a node of which nothing was read',
      '10.110.110.21: ? route 10.100.14.0/24 would be its own, on its bridge',
      '10.110.110.21: ? deliver whether 10.100.14.5 is there is not known: 10.110.110.21 was not read',
    ]);
    expect([exit(found), exit(found, true)]).toEqual([3, 3]);
  });
  test('tencent-vpc: from the pod and from the node by the default route into the network, whose row nobody gave', async () => {
    for (const from of ['10.100.38.5', 'node-22']) {
      const found = await traced('tencent-vpc', from, '10.100.14.5');
      expect(steps(found.there).slice(-3)).toEqual([
        'node-22: route default via 10.110.110.1 dev eth0 metric 100',
        'node-22: ? neighbour 10.110.110.1 is no node, and nobody has asked for its hardware address yet',
        'cloud network: ? fabric would be whatever leads to 10.100.14.5: what is beyond was not gathered',
      ]);
      expect([exit(found), exit(found, true)]).toEqual([3, 3]);
    }
    // To an address that nobody printed no way back is walked.
    const {there, back} = await traced('tencent-vpc', 'node-22', '10.100.14.5');
    expect(there.verdict).toMatchObject({kind: 'unknown', hop: 1, because: 'which address node-22 sends from was not listed'});
    expect(back).toBeUndefined();
  });
  test('the node to its own pod by docker0', async () => {
    const found = await traced('tencent-vpc', 'node-22', '10.100.38.5');
    expect(steps(found.there)).toEqual([
      'node-22: send 10.100.38.1 → 10.100.38.5, icmp, 84 bytes',
      'node-22: route 10.100.38.0/24 dev docker0',
      'node-22: ? neighbour 10.100.38.5 is pod 10.100.38.5, a hardware address that was not read',
      'node-22: ? fdb behind one of the ports of docker0, say veth of 10.100.38.5',
      'pod 10.100.38.5: ? receive eth0',
      'pod 10.100.38.5: ? deliver pod 10.100.38.5 has 10.100.38.5',
    ]);
  });
});

describe('TKE: the article’s nodes as it prints them', () => {
  test('Global Router: .3 → .66, there and back, the row of the cloud inferred', async () => {
    // The article prints the devices of VM-0-29 (without kinds), and of VM-0-37 its routes alone; 172.0.0.1 in its text is 172.20.0.1.
    const found = await traced('tke-global-router', '172.20.0.3', '172.20.0.66');
    expect(steps(found.there)).toEqual([
      'pod network-tool-549c7756bd-bnc7x: send 172.20.0.3 → 172.20.0.66, icmp, 84 bytes',
      'pod network-tool-549c7756bd-bnc7x: route default via 172.20.0.1 dev eth0',
      'pod network-tool-549c7756bd-bnc7x: neighbour 172.20.0.1 is VM-0-29, f6:23:3e:66:b2:51',
      'VM-0-29: ? bridge Vethdc4b21b7, port of cbr0',
      'VM-0-29: route default via 10.0.0.1 dev eth0 metric 100',
      'VM-0-29: ? neighbour 10.0.0.1 is no node, and nobody has asked for its hardware address yet',
      'cloud network: ? fabric would be row 172.20.0.64/26 → VM-0-37: to VM-0-37/eth0',
      'VM-0-37: ? receive eth0',
      'VM-0-37: route 172.20.0.64/26 dev cbr0',
      'VM-0-37: ? neighbour 172.20.0.66 is pod 172.20.0.66, a hardware address that was not read',
      'VM-0-37: ? fdb behind one of the ports of cbr0, say veth of 172.20.0.66',
      'pod 172.20.0.66: ? receive eth0',
      'pod 172.20.0.66: ? deliver pod 172.20.0.66 has 172.20.0.66',
    ]);
    expect(steps(found.back).at(-1)).toBe('pod network-tool-549c7756bd-bnc7x: deliver pod network-tool-549c7756bd-bnc7x has 172.20.0.3');
    expect(steps(found.back)).toContain('cloud network: ? fabric would be row 172.20.0.0/26 → 10.0.0.29: to VM-0-29/eth0');
    expect(found.there.verdict).toMatchObject({kind: 'unknown', because: expect.stringContaining('firewall of VM-0-29 was not read')});
    expect(exit(found)).toBe(3);
  });

  test('VPC-CNI: .44 → .30 by rule 1536 and table 100, and → .41 by rule 512', async () => {
    // Of the second node, which it calls VM-0-40 and shows as 10.0.0.22, the article prints main alone: its rules are not known.
    expect(steps((await traced('tke-vpc-cni', '10.0.0.44', '10.0.0.30')).there)).toEqual([
      'pod 10.0.0.44: ? send 10.0.0.44 → 10.0.0.30, icmp, 84 bytes',
      'pod 10.0.0.44: route default via 169.254.1.1 dev eth0',
      'pod 10.0.0.44: neighbour 169.254.1.1 is e2:62:fb:d2:cb:28',
      'VM-0-49: ? link eni8ba8b48a483, on no bridge',
      'VM-0-49: rule 1536:\tfrom 10.0.0.44 lookup 100',
      'VM-0-49: route default via 10.0.0.1 dev eth1 table 100 onlink',
      'VM-0-49: ? neighbour 10.0.0.1 is no node, and nobody has asked for its hardware address yet',
      'cloud network: ? fabric would be 10.0.0.30 on a network interface of VM-0-40: to VM-0-40/eth0',
      'VM-0-40: ? receive eth0',
      'VM-0-40: route 10.0.0.30 dev eni0f548c70045 scope link',
      'VM-0-40: ? neighbour 10.0.0.30 is pod 10.0.0.30, a hardware address that was not read',
      'pod 10.0.0.30: ? receive eth0',
      'pod 10.0.0.30: ? deliver pod 10.0.0.30 has 10.0.0.30',
    ]);
    const near = await traced('tke-vpc-cni', '10.0.0.44', '10.0.0.41');
    expect(steps(near.there).slice(3, 6)).toEqual([
      'VM-0-49: ? link eni8ba8b48a483, on no bridge',
      'VM-0-49: rule 512:\tfrom all to 10.0.0.41 lookup main',
      'VM-0-49: route 10.0.0.41 dev eniec98d9f243c scope link',
    ]);
    expect(exit(near)).toBe(3);
  });
});
