import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Ajv2020} from 'ajv/dist/2020.js';
import {describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {traceAllPairs} from '../../src/edge/all-pairs.js';
import {openTrace} from '../../src/edge/trace.js';
import {bases} from '../bases/bases.js';
import {type Edit, edited, without, workFolder} from '../edited.js';
import {keyOf} from '../forms/devices.js';
import {flanctl} from '../lab/flanctl.js';

const swap =
  (pattern: RegExp, by: string) =>
  (out: string): string =>
    out.replace(pattern, by);

/** Faults of each place where a packet can end; each as an edit of a healthy base. */
const faults: {readonly [name: string]: readonly [base: string, ...edits: readonly Edit[]]} = {
  'no route': ['vxlan', ['n1', 'ip-route-all', without(/10\.244\.2\.0|default/)]],
  blackhole: [
    'vxlan',
    ['n1', 'ip-route-all', swap(/unicast 10\.244\.2\.0\/24 .*/, 'blackhole 10.244.2.0/24 table main proto boot scope global')],
  ],
  'not forwarded': ['vxlan', ['n1', 'sysctl', swap(/net\/ipv4\/conf\/cni0\/forwarding=1/, 'net/ipv4/conf/cni0/forwarding=0')]],
  'not forwarded by the far node': [
    'vxlan',
    ['n2', 'sysctl', swap(/net\/ipv4\/conf\/flannel\.1\/forwarding=1/, 'net/ipv4/conf/flannel.1/forwarding=0')],
  ],
  'IPv6 not forwarded': ['vxlan-dual', ['n2', 'sysctl', swap(/net\/ipv6\/conf\/all\/forwarding=1/, 'net/ipv6/conf/all/forwarding=0')]],
  'no tunnel end': ['vxlan', ['n1', 'bridge-fdb', without(/dst 192\.168\.77\.12/)]],
  'wrong tunnel end': ['vxlan', ['n1', 'bridge-fdb', swap(/dst 192\.168\.77\.12/, 'dst 192.168.77.99')]],
  'the tunnel end of another node': ['vxlan', ['n1', 'bridge-fdb', swap(/dst 192\.168\.77\.12/, 'dst 192.168.77.13')]],
  'no neighbour': ['vxlan', ['n1', 'ip-neigh', without(/^10\.244\.2\.0 /)]],
  'wrong neighbour': ['vxlan', ['n1', 'ip-neigh', swap(/^(10\.244\.2\.0 .*lladdr) \S+/m, '$1 0e:00:00:00:00:99')]],
  'tunnel device down': ['vxlan', ['n2', 'ip-link', swap(/(flannel\.1: <[^>]*?)UP,/, '$1')]],
  'tunnel of another port': ['vxlan', ['n3', 'ip-link', swap(/dstport 8472/, 'dstport 4789')]],
  'a rule that refuses': ['vxlan', ['n1', 'ip-rule', (out) => `100:\tfrom all to 10.244.3.0/24 unreachable\n${out}`]],
  'no direct route': ['host-gw', ['n1', 'ip-route-all', without(/10\.244\.2\.0|default/)]],
  'no direct IPv6 route': ['host-gw-dual', ['n3', 'ip-6-route-all', without(/fd44:0:0:2::\/64|default/)]],
  'the firewall drops what is forwarded': [
    'vxlan',
    ['n2', 'iptables-save', swap(/(\[\d+:\d+\] -A FORWARD)/, '[0:0] -A FORWARD -p icmp -j DROP\n$1')],
  ],
  'the firewall drops one peer': [
    'vxlan',
    ['n2', 'iptables-save', swap(/(\[\d+:\d+\] -A FORWARD)/, '[0:0] -A FORWARD -s 10.244.1.0/24 -j DROP\n$1')],
  ],
  'the firewall drops the tunnel of one peer': [
    'vxlan',
    ['n2', 'iptables-save', swap(/(\[\d+:\d+\] -A FORWARD)/, '[0:0] -A INPUT -s 192.168.77.13/32 -p udp -m udp --dport 8472 -j DROP\n$1')],
  ],
  'the firewall drops answers only': [
    'vxlan',
    ['n3', 'iptables-save', swap(/(\[\d+:\d+\] -A FORWARD)/, '[0:0] -A FORWARD -m conntrack --ctstate ESTABLISHED -j DROP\n$1')],
  ],
  'the way back is another': [
    'vxlan',
    [
      'n1',
      'ip-route-all',
      swap(/unicast 10\.244\.2\.0\/24 via 10\.244\.2\.0 dev flannel\.1 (.*) onlink/, 'unicast 10.244.2.0/24 via 192.168.77.12 dev eth0 $1'),
    ],
    ['n1', 'sysctl', swap(/conf\/flannel\.1\/rp_filter=\d/, 'conf/flannel.1/rp_filter=1')],
  ],
  'a direct route missing where others are direct': ['vxlan-direct', ['n1', 'ip-route-all', without(/10\.244\.2\.0/)]],
  'no peer of WireGuard': ['wireguard', ['n1', 'wg-show', without(new RegExp(keyOf(2)))]],
  'a peer of WireGuard is sought elsewhere': ['wireguard', ['n1', 'wg-show', swap(/192\.168\.77\.12:51820/, '192.168.77.12:51999')]],
  'a peer of WireGuard is sought at another node': ['wireguard', ['n1', 'wg-show', swap(/192\.168\.77\.12:51820/, '192.168.77.13:51820')]],
  'a peer of WireGuard may not send': ['wireguard', ['n2', 'wg-show', swap(/10\.244\.1\.0\/24/, '(none)')]],
  'a peer of WireGuard has another key': ['wireguard-dual', ['n2', 'wg-show', swap(new RegExp(keyOf(3)), keyOf(99))]],
  'WireGuard listens elsewhere': ['wireguard', ['n3', 'wg-show', swap(/\t51820\toff/, '\t51999\toff')]],
  'the IPIP device is down': ['ipip', ['n2', 'ip-link', swap(/(flannel\.ipip@NONE: <NOARP),UP,LOWER_UP>/, '$1>')]],
  'the IPIP device has another address': [
    'ipip',
    ['n2', 'ip-link', swap(/remote any local 192\.168\.77\.12/, 'remote any local 192.168.77.99')],
  ],
  'no route through IPIP': ['ipip', ['n1', 'ip-route-all', without(/10\.244\.2\.0/)]],
  'the firewall drops IPIP of one peer': [
    'ipip',
    ['n2', 'iptables-save', swap(/(\[\d+:\d+\] -A FORWARD)/, '[0:0] -A INPUT -s 192.168.77.13/32 -p 4 -j DROP\n$1')],
  ],
  'nobody listens for flanneld': ['udp', ['n2', 'ss-udp', swap(/.*:8285 .*/, '')]],
  'no route into the TUN device': ['udp', ['n1', 'ip-route-all', without(/10\.244\.0\.0/)]],
  'no association': ['ipsec', ['n1', 'ip-xfrm-state', () => '']],
  'an association too few': [
    'ipsec',
    ['n3', 'ip-xfrm-state', swap(/src 192\.168\.77\.12 dst 192\.168\.77\.13/, 'src 192.168.77.99 dst 192.168.77.13')],
  ],
  'no policies': ['ipsec', ['n2', 'ip-xfrm-policy', () => '']],
  'a policy for another subnet': ['ipsec', ['n2', 'ip-xfrm-policy', swap(/src 10\.244\.3\.0\/24 dst/, 'src 10.244.9.0/24 dst')]],
  'the bridge is down': ['vxlan', ['n3', 'ip-link', swap(/(cni0: <[^>]*?),UP,LOWER_UP/, '$1')]],
};

const KINDS = new Map([
  ['reachable', 'reachable'],
  ['inferred', 'reachable'],
  ['broken', 'broken'],
  ['unknown', 'unknown'],
]);

/** Every ordered pair: what the matrix says and what the walk says. */
async function compared(dumps: readonly NodeDump[]): Promise<{readonly pair: string; readonly matrix: string; readonly walk: string}[]> {
  const source = {
    async *nodes() {
      yield* dumps;
    },
  };
  const [matrices, tracer] = await Promise.all([traceAllPairs(source, {}, undefined), openTrace(source, {})]);
  const both: {pair: string; matrix: string; walk: string}[] = [];
  for (const {family, nodes, marks} of matrices)
    for (const [i, from] of nodes.entries())
      for (const [j, to] of nodes.entries()) {
        if (i === j) continue;
        const {there, back} = await tracer.trace(tracer.endpoint(`${from}-p1`), tracer.endpoint(`${to}-p1`), {proto: 'icmp', family});
        const kinds = [there, back].flatMap((w) => w?.verdict.kind ?? []);
        const walk = kinds.find((k) => k !== 'reachable') ?? 'reachable';
        both.push({pair: `IPv${family} ${from} → ${to}`, matrix: KINDS.get(marks![i]![j]!)!, walk});
      }
  return both;
}

describe('the matrix says of every pair what the full walk says', () => {
  test.each([...bases, 'ipip', 'udp', 'wireguard', 'wireguard-dual', 'ipsec'])('%s, healthy', async (base) => {
    const pairs = await compared(await edited(base));
    expect(pairs.length).toBeGreaterThan(2);
    expect(pairs.filter((p) => p.matrix !== 'reachable' || p.walk !== 'reachable')).toEqual([]);
  });

  test.each(Object.entries(faults))('%s', async (_, [base, ...edits]) => {
    const pairs = await compared(await edited(base, ...edits));
    expect(pairs.filter((p) => p.matrix !== p.walk)).toEqual([]);
    expect(pairs.some((p) => p.matrix === 'broken')).toBe(true);
  });
});

const work = workFolder();
const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/schema/AllPairsReport.json'), 'utf8')) as object;
const valid = new Ajv2020({strict: true, allowUnionTypes: true}).compile(schema);

describe('flanctl trace --all-pairs', () => {
  const matrix = (file: string, ...more: string[]) => flanctl(['trace', '--all-pairs', '--snapshot', file, ...more]);
  const base = (name: string): string => join(import.meta.dirname, `../bases/${name}.ndjson`);

  test('healthy: a matrix for each family and exit 0', async () => {
    const ran = await matrix(base('vxlan-dual'));
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^IPv4 {2}n1[\s\S]*✔ all 6 pairs of 3 nodes reach each other, IPv4\nIPv6/);
    expect((await matrix(base('vxlan-dual'), '--family', '6')).stdout).not.toContain('IPv4');
  });

  test('one cause is one reason, with its pairs; exit 1', async () => {
    const gone: Edit = ['n1', 'sysctl', swap(/net\/ipv4\/conf\/cni0\/forwarding=1/, 'net/ipv4/conf/cni0/forwarding=0')];
    const file = await work.snapshot('off.ndjson', await edited('vxlan', gone));
    const [table, json] = await Promise.all([matrix(file), matrix(file, '-o', 'json')]);
    expect([table.code, json.code]).toEqual([1, 1]);
    const document = JSON.parse(json.stdout) as {families: {counts: object; reasons: object[]}[]};
    expect(valid(document), JSON.stringify(valid.errors)).toBe(true);
    expect(document.families[0]).toMatchObject({
      counts: {reachable: 2, broken: 4, unknown: 0},
      reasons: [
        {direction: 'there', disposition: 'not-forwarded', pairs: 2, nodes: ['n1'], nodeCount: 1},
        {direction: 'back', disposition: 'not-forwarded', pairs: 2, nodes: ['n1'], nodeCount: 1},
      ],
    });
    expect(table.stdout).toMatch(/n1 {4}· {3}✗ {3}✗[\s\S]*✖ 2 pairs, there: not-forwarded[\s\S]*✖ 4 broken of 6 pairs/);
  });

  test('a node that was not read: its pairs are unknown, exit 3', async () => {
    const [first, ...rest] = await edited('vxlan', ['n1', 'sysctl', () => undefined]);
    const lost = {...first!, sections: [], failure: {kind: 'timeout' as const, message: 'no answer'}};
    const ran = await matrix(await work.snapshot('lost.ndjson', [lost, ...rest]), '-o', 'json');
    expect(ran.code).toBe(3);
    expect((JSON.parse(ran.stdout) as {families: {counts: object}[]}).families[0]?.counts).toMatchObject({reachable: 2, unknown: 4});
  });

  test('it takes no pods, and without it two are needed', async () => {
    const ran = await Promise.all([matrix(base('vxlan'), 'n1-p1'), flanctl(['trace', 'n1-p1', '--snapshot', base('vxlan')])]);
    expect(ran.map((r) => r.code)).toEqual([2, 2]);
    expect(ran[0].stderr).toContain('--all-pairs takes no pods');
    expect(ran[1].stderr).toContain('name two ends');
  });
});
