import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import type {Rulesets} from '../../src/core/kernel/netfilter/evaluate.js';
import {flavourOf, parseIptables} from '../../src/core/kernel/netfilter/iptables.js';
import {parseNft} from '../../src/core/kernel/netfilter/nft.js';
import type {Seen} from '../../src/core/kernel/netfilter/packet.js';
import {type Passage, type Routed, type Traversal, traverse, type Way} from '../../src/core/kernel/netfilter/traverse.js';
import type {Family, Ip} from '../../src/core/net/address.js';
import {contains, tryPrefix} from '../../src/core/net/prefix.js';

/** What record.js had the real tools print, on node 1: pods 10.244.1.0/24 on cni0, eth0 192.168.50.11. */
function recorded(name: string, family: Family = 4): Rulesets {
  const read = (file: string) => readFileSync(join(import.meta.dirname, '../outputs/netfilter', name, file), 'utf8');
  const text = read(family === 4 ? 'iptables-save.txt' : 'ip6tables-save.txt');
  const flavour = flavourOf(text) ?? 'nft';
  const iptables = parseIptables(text, {command: 'iptables-save', family, flavour});
  const nft = parseNft(read('nft.json'), {command: 'nft -j list ruleset'});
  expect([...iptables.problems, ...nft.problems]).toEqual([]);
  return {...(flavour === 'nft' ? {iptables: iptables.ruleset} : {iptablesLegacy: iptables.ruleset}), nft: nft.ruleset};
}

const own: {readonly [device: string]: readonly Ip[]} = {
  eth0: ['192.168.50.11', '2001:db8::11'],
  cni0: ['10.244.1.1', 'fd44:0:0:1::1'],
  'flannel.1': ['10.244.1.0', 'fd44:0:0:1::'],
  docker0: ['172.17.0.1'],
};
const routes: readonly (readonly [string, string])[] = [
  ['10.244.1.0/24', 'cni0'],
  ['10.244.0.0/16', 'flannel.1'],
  ['172.17.0.0/16', 'docker0'],
  ['fd44:0:0:1::/64', 'cni0'],
  ['fd44::/56', 'flannel.1'],
];
const isOwn = (ip: Ip) => Object.values(own).some((list) => list.includes(ip));
const deviceTo = (ip: Ip) => routes.find(([prefix]) => contains(tryPrefix(prefix)!, ip))?.[1] ?? 'eth0';

function send(
  rulesets: Rulesets,
  passage: Passage,
  about: Pick<Seen, 'src' | 'dst'> & Partial<Seen>,
  flow?: NonNullable<Parameters<typeof traverse>[3]>['flow'],
): Traversal {
  const family = about.src?.includes(':') ? 6 : 4;
  const packet: Seen = {
    family,
    proto: 'tcp',
    sport: 40_000,
    dport: 8080,
    tcpFlags: flow?.direction === 'reply' ? ['SYN', 'ACK'] : ['SYN'],
    mark: 0,
    ttl: 64,
    ctstate: flow ? 'established' : 'new',
    reversePath: true,
    addressOf: (device) => own[device]?.[family === 4 ? 0 : 1],
    addressType: (ip) => (isOwn(ip) ? 'local' : 'unicast'),
    ...(passage === 'output' ? {} : {pkttype: 'unicast'}),
    ...about,
  };
  const route = ({dst}: Seen): Routed =>
    isOwn(dst as Ip) ? {to: 'input'} : {to: passage === 'output' ? 'output' : 'forward', oif: deviceTo(dst as Ip)};
  return traverse(rulesets, passage, packet, {
    route,
    ...(flow && {flow}),
  });
}

/** The answer to a packet that got through: it comes back where that one went out. */
function answer(rulesets: Rulesets, way: Way): Traversal {
  const {reply} = way.connection!;
  const local = way.hooks.at(-1)?.hook === 'input';
  return send(
    rulesets,
    local ? 'output' : 'forward',
    {
      src: reply.src,
      dst: reply.dst,
      sport: reply.sport ?? 8080,
      dport: reply.dport ?? 50_000,
      ...(local ? {oif: deviceTo(reply.dst!)} : {iif: way.packet.oif}),
    },
    {connection: way.connection!, direction: 'reply'},
  );
}

const said = (way: Way) => way.hooks.find((hook) => hook.verdict !== 'accept')?.by?.text;
const web = {dst: '10.96.0.100', dport: 80};
const remotePod = {iif: 'flannel.1', src: '10.244.2.9'};
const localPod = {iif: 'cni0', src: '10.244.1.9'};

const through = [
  'kube-flannel',
  'kube-flannel-plain',
  'kube-flannel-legacy',
  'docker',
  'docker-legacy',
  'ufw',
  'firewalld-iptables-trusted',
  'firewalld-nft-trusted',
  'flannel-nft',
];

describe.each(through)('%s', (name) => {
  const rulesets = recorded(name);

  it('a pod reaches a pod on another node as itself, and the answer comes back', () => {
    const out = send(rulesets, 'forward', {...localPod, dst: '10.244.2.7'});
    expect(out).toMatchObject({verdict: 'accept', unknowns: [], packet: {src: '10.244.1.9', dst: '10.244.2.7', oif: 'flannel.1'}});
    expect(out.snat ?? out.dnat).toBeUndefined();
    expect(out.hooks.map((hook) => hook.hook)).toEqual(['prerouting', 'forward', 'postrouting']);
    expect(answer(rulesets, out)).toMatchObject({
      verdict: 'accept',
      unknowns: [],
      packet: {src: '10.244.2.7', dst: '10.244.1.9', oif: 'cni0'},
    });
    const into = send(rulesets, 'forward', {...remotePod, dst: '10.244.1.5'});
    expect(into).toMatchObject({verdict: 'accept', packet: {src: '10.244.2.9', oif: 'cni0'}});
    expect(into.snat).toBeUndefined();
  });

  it('a pod reaches the outside as the node, and the answer finds the pod', () => {
    const out = send(rulesets, 'forward', {...localPod, dst: '203.0.113.9', dport: 443});
    expect(out).toMatchObject({verdict: 'accept', unknowns: [], snat: {kind: 'masquerade'}, packet: {src: '192.168.50.11', oif: 'eth0'}});
    expect(out.snat?.rule).toMatch(
      name === 'flannel-nft' ? /^ip saddr 10\.244\.0\.0\/16 .*masquerade/ : /^-A FLANNEL-POSTRTG -s 10\.244\.0\.0\/16 ! -d 224/,
    );
    expect(out.snat?.rule.includes('random')).toBe(name !== 'kube-flannel-plain');
    expect(answer(rulesets, out)).toMatchObject({
      verdict: 'accept',
      packet: {src: '203.0.113.9', dst: '10.244.1.9', dport: 40_000, oif: 'cni0'},
    });
  });

  it('a cluster IP leads a pod to either endpoint, not masqueraded, and the answer comes from the cluster IP', () => {
    const out = send(rulesets, 'forward', {...localPod, ...web});
    expect(out.hooks[0]?.natChoices?.map((nat) => nat !== 'none' && nat.to)).toEqual(['10.244.1.5:8080', '10.244.2.7:8080']);
    expect(out.unknowns).toEqual([expect.stringContaining('--probability 0.5')]);
    expect(out.ways.map((way) => [way.verdict, way.packet.src, way.packet.dst, way.packet.dport, way.packet.oif])).toEqual([
      ['accept', '10.244.1.9', '10.244.1.5', 8080, 'cni0'],
      ['accept', '10.244.1.9', '10.244.2.7', 8080, 'flannel.1'],
    ]);
    for (const way of out.ways) {
      expect(way.snat).toBeUndefined();
      expect(answer(rulesets, way)).toMatchObject({
        verdict: 'accept',
        packet: {src: '10.96.0.100', sport: 80, dst: '10.244.1.9', dport: 40_000},
      });
    }
  });

  it('a pod that reaches itself through its service is masqueraded, and only then', () => {
    const out = send(rulesets, 'forward', {iif: 'cni0', src: '10.244.1.5', ...web});
    expect(out.ways.map((way) => [way.packet.dst, way.packet.src, way.snat?.rule.includes('requiring SNAT') ?? false])).toEqual([
      ['10.244.1.5', '10.244.1.1', true],
      ['10.244.2.7', '10.244.1.5', false],
    ]);
    expect(answer(rulesets, out.ways[0]!)).toMatchObject({verdict: 'accept', packet: {src: '10.96.0.100', dst: '10.244.1.5', oif: 'cni0'}});
  });

  it('a node port leads from outside to either endpoint, masqueraded; the answer leaves as the node', () => {
    const out = send(rulesets, 'forward', {iif: 'eth0', src: '203.0.113.9', dst: '192.168.50.11', dport: 30_080});
    expect(out.ways.map((way) => [way.verdict, way.packet.dst, way.packet.src])).toEqual([
      ['accept', '10.244.1.5', '10.244.1.1'],
      ['accept', '10.244.2.7', '10.244.1.0'],
    ]);
    for (const way of out.ways) {
      expect(way.hooks[1]).toMatchObject({hook: 'forward', packet: {mark: 0x4000}});
      expect(answer(rulesets, way)).toMatchObject({
        verdict: 'accept',
        packet: {src: '192.168.50.11', sport: 30_080, dst: '203.0.113.9', dport: 40_000, oif: 'eth0'},
      });
    }
  });

  it('the node reaches the cluster IP through OUTPUT, marked and masqueraded', () => {
    const out = send(rulesets, 'output', {oif: 'eth0', src: '192.168.50.11', ...web});
    expect(out.ways.map((way) => [way.verdict, way.hooks.map((hook) => hook.hook).join(), way.packet.oif, way.packet.src])).toEqual([
      ['accept', 'output,postrouting', 'cni0', '10.244.1.1'],
      ['accept', 'output,postrouting', 'flannel.1', '10.244.1.0'],
    ]);
  });

  it('a service without endpoints is refused', () => {
    const out = send(rulesets, 'forward', {...localPod, dst: '10.96.0.200', dport: 80});
    expect(out.verdict).toBe('reject');
    expect(said(out)).toContain('default/empty has no endpoints');
  });
});

describe('the reason is quoted', () => {
  it('Docker alone: its policy drops what no chain accepts', () => {
    const out = send(recorded('docker-without-flannel'), 'forward', {...localPod, dst: '10.244.2.7'});
    expect(out).toMatchObject({verdict: 'drop', unknowns: []});
    expect(said(out)).toBe('policy DROP');
  });

  it('firewalld (iptables) that was there first: its REJECT stands before flannel', () => {
    const out = send(recorded('firewalld-iptables'), 'forward', {...localPod, dst: '10.244.2.7'});
    expect(out).toMatchObject({verdict: 'reject', unknowns: []});
    expect(said(out)).toBe('-A FORWARD -j REJECT --reject-with icmp-host-prohibited');
  });

  it("firewalld (nft): an accept in flannel's chain does not bind firewalld's", () => {
    const rulesets = recorded('firewalld-nft');
    const out = send(rulesets, 'forward', {...localPod, dst: '10.244.2.7'});
    expect(out).toMatchObject({verdict: 'reject', unknowns: []});
    expect(said(out)).toBe('reject with icmpx admin-prohibited');
    // What kube-proxy translated passes by `ct status dnat`.
    expect(send(rulesets, 'forward', {...localPod, ...web}).verdict).toBe('accept');
    expect(send(rulesets, 'forward', {...localPod, dst: '203.0.113.9', dport: 443}).verdict).toBe('accept');
  });

  it('ufw: SSH to the node is taken, the tunnel port is not', () => {
    const rulesets = recorded('ufw');
    expect(send(rulesets, 'input', {iif: 'eth0', src: '192.168.50.12', dst: '192.168.50.11', dport: 22}).verdict).toBe('accept');
    const tunnel = send(rulesets, 'input', {iif: 'eth0', src: '192.168.50.12', dst: '192.168.50.11', proto: 'udp', dport: 8472});
    expect(tunnel.verdict).toBe('drop');
    expect(said(tunnel)).toBe('policy DROP');
  });

  it('Docker: its own published port is translated and accepted', () => {
    const out = send(recorded('docker'), 'forward', {iif: 'eth0', src: '203.0.113.9', dst: '192.168.50.11', dport: 8443});
    expect(out).toMatchObject({verdict: 'accept', packet: {dst: '172.17.0.2', dport: 443, oif: 'docker0'}});
    expect(out.hooks[1]?.by?.text).toContain('-A DOCKER -d 172.17.0.2/32');
  });
});

describe('IPv6', () => {
  it.each(['kube-flannel', 'kube-flannel-legacy', 'ufw', 'firewalld-nft-trusted', 'flannel-nft'])(
    '%s: pod to pod as itself, to the outside as the node',
    (name) => {
      const rulesets = recorded(name, 6);
      const pod = {iif: 'cni0', src: 'fd44:0:0:1::9'};
      const out = send(rulesets, 'forward', {...pod, dst: 'fd44:0:0:2::7'});
      expect(out).toMatchObject({verdict: 'accept', unknowns: [], packet: {src: 'fd44:0:0:1::9', oif: 'flannel.1'}});
      expect(answer(rulesets, out)).toMatchObject({verdict: 'accept', packet: {dst: 'fd44:0:0:1::9', oif: 'cni0'}});
      const far = send(rulesets, 'forward', {...pod, dst: '2001:db8:9::9', dport: 443});
      expect(far).toMatchObject({verdict: 'accept', snat: {kind: 'masquerade'}, packet: {src: '2001:db8::11'}});
      expect(answer(rulesets, far)).toMatchObject({verdict: 'accept', packet: {dst: 'fd44:0:0:1::9', oif: 'cni0'}});
    },
  );

  it('firewalld asks for the way back: lost without one, not certain when nobody looked', () => {
    const rulesets = recorded('firewalld-nft-trusted', 6);
    const pod = {iif: 'cni0', src: 'fd44:0:0:1::9', dst: 'fd44:0:0:2::7'};
    expect(said(send(rulesets, 'forward', {...pod, reversePath: false}))).toMatch(/fib saddr \. mark \. iif oif .*drop/);
    expect(send(rulesets, 'forward', {...pod, reversePath: undefined}).verdict).toBe('unknown');
  });
});
