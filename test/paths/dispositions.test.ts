import {describe, expect, test} from 'vitest';
import {type Disposition, dispositions} from '../../src/core/path/disposition.js';
import type {Walk} from '../../src/core/path/step.js';
import {openTrace, type Traced, type Wish} from '../../src/edge/trace.js';
import {type Edit, edited, without} from '../edited.js';
import {keyOf} from '../forms/devices.js';

/** Every fate of a packet, made from a healthy cluster by a few edits: where it ends, why, and which row shows it. */
interface Case {
  readonly base: string;
  readonly edits: readonly Edit[];
  readonly ask?: readonly [from: string, to: string];
  readonly wish?: Partial<Wish>;
  readonly end: Disposition;
  /** `1.2`: first direction (there), second hop. */
  readonly at: string;
  readonly seen?: RegExp;
  readonly because?: RegExp;
}

const append =
  (line: string) =>
  (out: string): string =>
    `${out.trimEnd()}\n${line}\n`;
const swap =
  (pattern: RegExp, by: string) =>
  (out: string): string =>
    out.replace(pattern, by);

const cases: {readonly [name: string]: Case} = {
  'the route and the default route are gone': {
    base: 'vxlan',
    edits: [['n1', 'ip-route-all', without(/10\.244\.2\.0|default/)]],
    end: 'no-route',
    at: '1.2',
  },
  'without its route a pod packet goes to a router, which knows no pods': {
    base: 'vxlan',
    edits: [['n1', 'ip-route-all', without(/10\.244\.2\.0/)]],
    end: 'no-route',
    at: '1.3',
  },
  'a blackhole': {
    base: 'vxlan',
    edits: [['n1', 'ip-route-all', swap(/unicast 10\.244\.2\.0\/24 .*/, 'blackhole 10.244.2.0/24 table main proto boot scope global')]],
    end: 'refused',
    at: '1.2',
    seen: /blackhole 10\.244\.2\.0\/24/,
  },
  'the node does not forward': {
    base: 'vxlan',
    edits: [['n1', 'sysctl', swap(/net\/ipv4\/conf\/cni0\/forwarding=1/, 'net/ipv4/conf/cni0/forwarding=0')]],
    end: 'not-forwarded',
    at: '1.2',
    seen: /conf\/cni0\/forwarding = 0/,
  },
  'the far node does not forward IPv6': {
    base: 'vxlan-dual',
    edits: [['n2', 'sysctl', swap(/net\/ipv6\/conf\/all\/forwarding=1/, 'net/ipv6/conf/all/forwarding=0')]],
    wish: {family: 6},
    end: 'not-forwarded',
    at: '1.3',
  },
  'the answer comes in by another device than the way back': {
    base: 'vxlan',
    edits: [
      [
        'n1',
        'ip-route-all',
        swap(
          /unicast 10\.244\.2\.0\/24 via 10\.244\.2\.0 dev flannel\.1 (.*) onlink/,
          'unicast 10.244.2.0/24 via 192.168.77.12 dev eth0 $1',
        ),
      ],
      ['n1', 'sysctl', swap(/conf\/flannel\.1\/rp_filter=\d/, 'conf/flannel.1/rp_filter=1')],
    ],
    end: 'reverse-path',
    at: '2.3',
    seen: /conf\/flannel\.1\/rp_filter = 1/,
  },
  'the far node has the sender’s address itself': {
    base: 'vxlan',
    edits: [
      ['n2', 'ip-route-all', append('local 10.244.1.2 dev eth0 table local proto kernel scope host src 10.244.1.2')],
      [
        'n2',
        'ip-addr',
        swap(/( {4}inet 192\.168\.77\.12)/, '    inet 10.244.1.2/32 scope global eth0\n       valid_lft forever preferred_lft forever\n$1'),
      ],
    ],
    end: 'martian',
    at: '1.3',
  },
  'no neighbour on the tunnel': {
    base: 'vxlan',
    edits: [['n1', 'ip-neigh', without(/10\.244\.2\.0/)]],
    end: 'no-neighbour',
    at: '1.2',
  },
  'the next hop does not answer': {
    base: 'host-gw',
    edits: [
      ['n1', 'ip-route-all', swap(/(10\.244\.2\.0\/24 via 192\.168\.77\.)12/, '$199')],
      ['n1', 'ip-neigh', append('192.168.77.99 dev eth0 FAILED')],
    ],
    end: 'no-neighbour',
    at: '1.2',
    seen: /192\.168\.77\.99 dev eth0 FAILED/,
  },
  'a permanent row with an address that nobody has': {
    base: 'host-gw',
    edits: [['n1', 'ip-neigh', swap(/192\.168\.77\.12 dev eth0 .*/, '192.168.77.12 dev eth0 lladdr 02:00:00:00:00:67 PERMANENT')]],
    end: 'wrong-neighbour',
    at: '1.3',
    seen: /lladdr 02:00:00:00:00:67/,
  },
  'an IPv6 neighbour from before the bridge changed its address': {
    base: 'vxlan-dual',
    edits: [['n1', 'pods/n1-p1/ip-6-neigh', append('fd44:0:0:1::1 dev eth0 lladdr 02:00:00:00:00:55 STALE')]],
    wish: {family: 6},
    end: 'wrong-neighbour',
    at: '1.2',
  },
  'one leg of two leads nowhere': {
    base: 'host-gw',
    edits: [
      [
        'n1',
        'ip-route-all',
        swap(
          /unicast 10\.244\.2\.0\/24 .*/,
          'unicast 10.244.2.0/24 table main proto boot scope global \n\tnexthop via 192.168.77.12 dev eth0 weight 1 \n\tnexthop via 192.168.77.99 dev eth0 weight 1 ',
        ),
      ],
      ['n1', 'ip-neigh', append('192.168.77.99 dev eth0 FAILED')],
    ],
    end: 'no-neighbour',
    at: '1.2',
    because: /^leg 2 of 2 \(192\.168\.77\.99 on eth0\): nobody/,
  },
  'no forwarding entry': {
    base: 'vxlan',
    edits: [['n1', 'bridge-fdb', without(/flannel\.1 dst 192\.168\.77\.12/)]],
    end: 'no-fdb',
    at: '1.2',
  },
  'the tunnel leads to nobody': {
    base: 'vxlan',
    edits: [['n1', 'bridge-fdb', swap(/dst 192\.168\.77\.12/, 'dst 192.168.77.99')]],
    end: 'wrong-tunnel-end',
    at: '1.3',
  },
  'another port at the far end': {
    base: 'vxlan',
    edits: [['n2', 'ip-link', swap(/dstport 8472/, 'dstport 8473')]],
    end: 'no-tunnel',
    at: '1.3',
    seen: /dstport 8473/,
  },
  'an old hardware address of the far tunnel device': {
    base: 'vxlan',
    edits: [['n2', 'ip-link', swap(/(flannel\.1: .*\n\s+link\/ether )\S+/, '$10a:0a:0a:0a:0a:02')]],
    end: 'wrong-vtep',
    at: '1.3',
  },
  'the tunnel device is down': {
    base: 'vxlan',
    edits: [['n1', 'ip-link', swap(/(flannel\.1: <[^>]*?),UP,LOWER_UP/, '$1')]],
    end: 'device-down',
    at: '1.2',
  },
  'the pod’s port is on no bridge': {
    base: 'vxlan',
    edits: [['n2', 'ip-link', swap(/(veth\w+@if\d+: .*?) master cni0/g, '$1')]],
    ask: ['n2-p1', 'n1-p1'],
    end: 'no-neighbour',
    at: '1.1',
  },
  'the pod’s port is disabled': {
    base: 'vxlan',
    edits: [
      ['n1', 'ip-link', swap(/bridge_slave state forwarding/g, 'bridge_slave state disabled')],
      ['n1', 'pods/n1-p1/ip-neigh', swap(/DELAY|STALE|REACHABLE/, 'PERMANENT')],
    ],
    end: 'bridge-port',
    at: '1.2',
  },
  'larger than the tunnel takes': {
    base: 'vxlan',
    edits: [['n1', 'ip-link', swap(/(flannel\.1: .* mtu )1450/, '$11400')]],
    wish: {size: 'largest'},
    end: 'too-big',
    at: '1.2',
    seen: /mtu 1400/,
  },
  'a firewall rule': {
    base: 'vxlan',
    edits: [['n2', 'iptables-save', swap(/(\[\d+:\d+\] -A FORWARD)/, '[0:0] -A FORWARD -p tcp -m tcp --dport 8080 -j DROP\n$1')]],
    wish: {proto: 'tcp', port: 8080},
    end: 'filtered',
    at: '1.3',
    seen: /--dport 8080 -j DROP/,
  },
  'the frame reaches another pod': {
    base: 'vxlan',
    edits: [],
    end: 'no-listener',
    at: '1.4',
  },
  'two nodes that send it to each other': {
    base: 'host-gw',
    edits: [
      ['n1', 'ip-route-all', swap(/(10\.244\.2\.0\/24 via 192\.168\.77\.)12/, '$113')],
      ['n3', 'ip-route-all', swap(/(10\.244\.2\.0\/24 via 192\.168\.77\.)12/, '$111')],
    ],
    end: 'looped',
    at: '1.',
  },
  'an entry that was not gathered': {
    base: 'vxlan',
    edits: [['n1', 'bridge-fdb', () => undefined]],
    end: 'unknown',
    at: '1.2',
  },
  'a firewall match that nobody can judge': {
    base: 'vxlan',
    edits: [['n1', 'iptables-save', swap(/(\[\d+:\d+\] -A FORWARD)/, '[0:0] -A FORWARD -m bpf --bytecode "1,6 0 0 0" -j DROP\n$1')]],
    end: 'unknown',
    at: '1.2',
  },
  'no peer of WireGuard may have it': {
    base: 'wireguard',
    edits: [['n1', 'wg-show', swap(/10\.244\.2\.0\/24/, '10.244.9.0/24')]],
    end: 'no-peer',
    at: '1.2',
    because: /no peer of flannel-wg on n1 is allowed 10\.244\.2\./,
  },
  'the peer has no endpoint': {
    base: 'wireguard',
    edits: [['n1', 'wg-show', swap(/192\.168\.77\.12:51820/, '(none)')]],
    end: 'no-peer',
    at: '1.2',
    because: /has no endpoint/,
    seen: /allowed-ips 10\.244\.2\.0\/24/,
  },
  'the far end has another key': {
    base: 'wireguard',
    edits: [['n2', 'wg-show', swap(/^(flannel-wg\t\(hidden\)\t)\S+/, `$1${keyOf(77)}`)]],
    end: 'wrong-key',
    at: '1.3',
    because: /it is encrypted for \S+…, and flannel-wg of n2 is/,
  },
  'the far end does not know the sender’s key': {
    base: 'wireguard',
    edits: [['n2', 'wg-show', swap(new RegExp(`${keyOf(1)}`), keyOf(77))]],
    end: 'wrong-key',
    at: '1.3',
    because: /has no peer with the key/,
  },
  'the far end has a preshared key, the sender none': {
    base: 'wireguard',
    edits: [['n2', 'wg-show', swap(new RegExp(`(${keyOf(1)}\\t)\\(none\\)`), '$1(hidden)')]],
    end: 'wrong-key',
    at: '1.3',
    because: /^flannel-wg of n2 has a preshared key for peer \S+…, and the sender has none/,
  },
  'the sender has a preshared key, the far end none': {
    base: 'wireguard',
    edits: [['n1', 'wg-show', swap(new RegExp(`(${keyOf(2)}\\t)\\(none\\)`), '$1(hidden)')]],
    end: 'wrong-key',
    at: '1.3',
    because: /^the sender has a preshared key for it, and flannel-wg of n2 has none/,
  },
  'WireGuard listens elsewhere': {
    base: 'wireguard',
    edits: [['n2', 'wg-show', swap(/\t51820\toff/, '\t51999\toff')]],
    end: 'no-tunnel',
    at: '1.3',
  },
  'the far end does not let the sender have its pods’ addresses': {
    base: 'wireguard',
    edits: [['n2', 'wg-show', swap(/10\.244\.1\.0\/24/, '10.244.1.128/25')]],
    end: 'not-allowed',
    at: '1.3',
    seen: /allowed-ips 10\.244\.1\.128\/25/,
  },
  'the answer of the handshake is filtered': {
    base: 'wireguard',
    edits: [['n1', 'iptables-save', swap(/(\*filter\n(?::.*\n)+)/, '$1[0:0] -A INPUT -s 192.168.77.12/32 -p udp -j DROP\n')]],
    end: 'filtered',
    at: '1.4',
    because: /^the answer of the handshake does not come back/,
  },
  'the endpoint’s route leads into the tunnel': {
    base: 'wireguard',
    edits: [['n1', 'ip-route-all', append('unicast 192.168.77.12/32 dev flannel-wg table main proto boot scope link')]],
    end: 'looped',
    at: '1.2',
  },
  'ipip: the far device is down': {
    base: 'ipip',
    edits: [['n2', 'ip-link', swap(/(flannel\.ipip@NONE: <NOARP),UP,LOWER_UP>/, '$1>')]],
    end: 'no-tunnel',
    at: '1.3',
    seen: /flannel\.ipip/,
  },
  'ipip: the far device has another address': {
    base: 'ipip',
    edits: [['n2', 'ip-link', swap(/remote any local 192\.168\.77\.12/, 'remote any local 192.168.77.99')]],
    end: 'no-tunnel',
    at: '1.3',
    because: /no IPIP device of n2 takes protocol 4 from 192\.168\.77\.11 to 192\.168\.77\.12/,
  },
  'ipip: the near device sends from an address that is not there': {
    base: 'ipip',
    edits: [['n1', 'ip-link', swap(/remote any local 192\.168\.77\.11/, 'remote any local 192.168.77.99')]],
    end: 'no-route',
    at: '1.2',
  },
  'ipip: the route names nobody’s address': {
    base: 'ipip',
    edits: [
      ['n1', 'ip-route-all', swap(/(10\.244\.2\.0\/24 via 192\.168\.77\.)12/, '$199')],
      ['n1', 'ip-neigh', append('192.168.77.99 dev eth0 FAILED')],
    ],
    end: 'no-neighbour',
    at: '1.2',
  },
  'ipip: protocol 4 is filtered': {
    base: 'ipip',
    edits: [['n2', 'iptables-save', swap(/(\*filter\n(?::.*\n)+)/, '$1[0:0] -A INPUT -p ipencap -j DROP\n')]],
    end: 'filtered',
    at: '1.3',
  },
  'ipip: too big by a byte': {base: 'ipip', edits: [], wish: {size: 1481}, end: 'too-big', at: '1.1'},
  'udp: nobody listens': {
    base: 'udp',
    edits: [['n2', 'ss-udp', swap(/.*:8285 .*/, '')]],
    end: 'no-tunnel',
    at: '1.3',
    because: /nobody on n2 listens on UDP 8285/,
  },
  'udp: flanneld is gone, and its device with it': {
    base: 'udp',
    edits: [
      ['n2', 'ip-link', swap(/\d+: flannel0:[\s\S]*?(?=\n\d+: |$)/, '')],
      ['n2', 'ip-addr', swap(/\d+: flannel0:[\s\S]*?(?=\n\d+: |$)/, '')],
      ['n2', 'ip-route-all', without(/flannel0/)],
    ],
    end: 'no-tunnel',
    at: '1.3',
  },
  'ipsec: a policy and no association': {
    base: 'ipsec',
    edits: [['n1', 'ip-xfrm-state', () => '']],
    end: 'no-association',
    at: '1.2',
    seen: /dir out priority 0 tmpl src 192\.168\.77\.11 dst 192\.168\.77\.12/,
  },
  'ipsec: the far end does not have the association': {
    base: 'ipsec',
    edits: [['n2', 'ip-xfrm-state', () => '']],
    end: 'no-association',
    at: '1.3',
  },
  'ipsec: left over on the far end alone, what comes in clear is dropped': {
    base: 'ipsec',
    edits: [
      ['n1', 'ip-xfrm-policy', () => ''],
      ['n1', 'ip-xfrm-state', () => ''],
      ['n1', 'ip-route-all', append('unicast 10.244.2.0/24 via 192.168.77.12 dev eth0 table main proto boot scope global')],
    ],
    end: 'unprotected',
    at: '1.3',
    seen: /dir fwd/,
    because: /it comes in clear/,
  },
  'ipsec: out of an association that no policy asks for': {
    base: 'ipsec',
    edits: [['n2', 'ip-xfrm-policy', () => '']],
    end: 'unprotected',
    at: '1.3',
    because: /no policy of n2 \(dir fwd\) is for/,
  },
  'ipsec: two policies of one priority that differ, and no index that tells which was made first': {
    base: 'ipsec',
    edits: [['n1', 'ip-xfrm-policy', append('src 10.244.1.0/24 dst 10.244.0.0/16 \n\tdir out action block priority 0 ptype main')]],
    end: 'unknown',
    at: '1.2',
    because: /of n1 \(dir out\) .* have one priority and differ/,
  },
};

async function run(base: string, edits: readonly Edit[], [from, to]: readonly [string, string], wish: Partial<Wish> = {}): Promise<Traced> {
  const dumps = await edited(base, ...edits);
  const tracer = await openTrace(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {},
  );
  return tracer.trace(tracer.endpoint(from), tracer.endpoint(to), {proto: 'icmp', ...wish});
}

const evidence = (walk: Walk): string =>
  walk.hops
    .at(-1)!
    .steps.flatMap((s) => s.evidence.flatMap((e) => e.lines))
    .join('\n');

/** A permanent row that names the other pod of n2: its hardware address is only known once the base is read. */
async function misdirected(): Promise<readonly Edit[]> {
  const [, n2] = await edited('vxlan', ['n2', 'ip-neigh', append('# read')]);
  const rows = n2!.sections.find((s) => s.name === 'ip-neigh')!.out;
  const other = /10\.244\.2\.3 dev cni0 lladdr (\S+)/.exec(rows)![1]!;
  return [['n2', 'ip-neigh', swap(/10\.244\.2\.2 dev cni0 .*/, `10.244.2.2 dev cni0 lladdr ${other} PERMANENT`)]];
}

describe('how a packet ends', () => {
  test.each(Object.entries(cases))('%s', async (name, {base, edits, ask = ['n1-p1', 'n2-p1'], wish, end, at, seen, because}) => {
    const traced = await run(base, name === 'the frame reaches another pod' ? await misdirected() : edits, ask, wish);
    const [direction, hop] = at.split('.');
    const walk = direction === '1' ? traced.there : traced.back!;
    expect(walk, JSON.stringify(traced.there.verdict)).toBeDefined();
    const {verdict} = walk;
    expect(verdict.kind === 'reachable' ? verdict : {kind: verdict.kind, disposition: verdict.disposition}).toEqual({
      kind: end === 'unknown' ? 'unknown' : 'broken',
      disposition: end,
    });
    if (hop) expect((verdict as {hop: number}).hop).toBe(Number(hop));
    if (because) expect((verdict as {because: string}).because).toMatch(because);
    if (seen) expect(evidence(walk)).toMatch(seen);
    if (direction === '1' && end !== 'unknown') expect(traced.back).toBeUndefined();
  });

  test('every fate has a case', () => {
    // What a cloud drops is walked in fabric.test.ts.
    const good = ['delivered', 'left-cluster', 'source-check'];
    expect(new Set([...Object.values(cases).map((c) => c.end), ...good])).toEqual(new Set(Object.keys(dispositions)));
  });
});

describe('healthy clusters', () => {
  test('a tunnel device that is bound to no address sends from the one that the route takes', async () => {
    const unbound = swap(/ local 192\.168\.77\.11 dev eth0/, '');
    const {there} = await run('vxlan', [['n1', 'ip-link', unbound]], ['n1-p1', 'n2-p1'], {});
    expect(there.verdict.kind).toBe('reachable');
    const steps = there.hops.flatMap((h) => h.steps.map((s) => s.text));
    expect(steps).toContainEqual(expect.stringMatching(/^VXLAN 1: 192\.168\.77\.11 → 192\.168\.77\.12/));
  });

  const pairs = [
    ['vxlan', 'n1-p1', 'n2-p1', 4, 'observed', 1450],
    ['vxlan', 'n1-p1', 'n1-p2', 4, 'observed', 1450],
    ['vxlan', 'n1-p1', 'n2', 4, 'observed', 1450],
    ['vxlan', 'n3', 'n1-p2', 4, 'observed', 1450],
    ['vxlan', 'n3', 'n1', 4, 'observed', 1500],
    ['vxlan', 'n1-p1', '203.0.113.1', 4, 'inferred', 1450],
    ['vxlan-dual', 'n1-p1', 'n2-p1', 6, 'observed', 1430],
    ['ipip', 'n1-p1', 'n2-p1', 4, 'observed', 1480],
    ['ipip', 'n1', 'n2-p1', 4, 'observed', 1480],
    ['wireguard', 'n1-p1', 'n2-p1', 4, 'observed', 1420],
    ['wireguard', 'n1', 'n2-p1', 4, 'observed', 1420],
    ['wireguard-dual', 'n1-p1', 'n2-p1', 6, 'observed', 1420],
    ['udp', 'n1-p1', 'n2-p1', 4, 'inferred', 1472],
    ['ipsec', 'n1-p1', 'n2-p1', 4, 'observed', 1423],
    ['ipsec', 'n1-p1', 'n2', 4, 'observed', 1423],
    ['vxlan-dual', 'n1-p1', '2001:db8:ffff::1', 6, 'inferred', 1450],
    ['vxlan-direct', 'n1-p1', 'n2-p1', 4, 'observed', 1450],
    ['vxlan-direct', 'n1-p1', 'n3-p1', 4, 'inferred', 1450],
    ['host-gw', 'n1-p1', 'n2-p1', 4, 'observed', 1500],
    ['host-gw-dual', 'n1-p2', 'n3-p1', 6, 'observed', 1500],
  ] as const;
  test.each(pairs)('%s: %s to %s over IPv%i is %s, %i bytes', async (base, from, to, family, certainty, pathMtu) => {
    const {there, back} = await run(base, [], [from, to], {family});
    expect([there.verdict, back?.verdict]).toEqual([
      {kind: 'reachable', certainty},
      {kind: 'reachable', certainty},
    ]);
    expect(there.pathMtu).toBe(pathMtu);
    const largest = await run(base, [], [from, to], {family, size: pathMtu});
    expect([largest.there.verdict.kind, largest.back?.verdict.kind]).toEqual(['reachable', 'reachable']);
    if (to.includes('-p') || to === 'n2')
      expect((await run(base, [], [from, to], {family, size: pathMtu + 1})).there.verdict.kind).toBe('broken');
  });

  test('ipsec: what fits depends on the wire, and on the device of the route only where that takes less', async () => {
    const route = (mtu: number): readonly Edit[] => [
      ['n1', 'ip-route-all', append('unicast 10.244.2.0/24 dev dummy0 table main proto boot scope link')],
      [
        'n1',
        'ip-link',
        append(
          `99: dummy0: <BROADCAST,UP,LOWER_UP> mtu ${mtu} qdisc noop state UNKNOWN\n    link/ether 02:00:00:00:00:99 brd ff:ff:ff:ff:ff:ff`,
        ),
      ],
    ];
    const fits = async (mtu: number, size: number) => (await run('ipsec', route(mtu), ['n1-p1', 'n2-p1'], {size})).there.verdict.kind;
    expect([await fits(9000, 1423), await fits(1400, 1400), await fits(1400, 1401)]).toEqual(['reachable', 'reachable', 'broken']);
  });

  test('a pod that was not gathered is taken for what the CNI makes, and said to be inferred', async () => {
    const base = (await edited('vxlan', ['n2', 'pods', append('# read')])).map((d) => ({
      ...d,
      sections: d.sections.filter((s) => !s.name.startsWith('pods')),
    }));
    const tracer = await openTrace(
      {
        async *nodes() {
          yield* base;
        },
      },
      {},
    );
    const {there, back} = await tracer.trace(tracer.endpoint('10.244.1.2'), tracer.endpoint('10.244.2.2'), {proto: 'icmp'});
    expect([there.verdict, back?.verdict]).toEqual([
      {kind: 'reachable', certainty: 'inferred'},
      {kind: 'reachable', certainty: 'inferred'},
    ]);
  });

  test('only the nodes on the way are needed', async () => {
    expect((await run('vxlan', [], ['n1-p1', 'n3-p1'])).nodes).toEqual(['n1', 'n3']);
    const detour = await run(
      'host-gw',
      [['n1', 'ip-route-all', swap(/(10\.244\.2\.0\/24 via 192\.168\.77\.)12/, '$113')]],
      ['n1-p1', 'n2-p1'],
    );
    expect([detour.nodes, detour.there.verdict.kind]).toEqual([['n1', 'n2', 'n3'], 'reachable']);
  });

  test('a frame without an entry of its own goes to all ends of the default entry; one that takes it suffices', async () => {
    const flood = ['192.168.77.13', '192.168.77.12'].map((end) => `00:00:00:00:00:00 dev flannel.1 dst ${end} self permanent`).join('\n');
    const edits: readonly Edit[] = [
      ['n1', 'bridge-fdb', without(/flannel\.1 dst 192\.168\.77\.12/)],
      ['n1', 'bridge-fdb', append(flood)],
    ];
    const {there, back, nodes} = await run('vxlan', edits, ['n1-p1', 'n2-p1']);
    expect([there.verdict.kind, back?.verdict.kind, nodes]).toEqual(['reachable', 'reachable', ['n1', 'n2', 'n3']]);
  });

  test('a namespace whose local table was not printed has it from its addresses', async () => {
    const edits: readonly Edit[] = ['n1', 'n2'].map((node) => [node, 'ip-route-all', without(/table local/)]);
    const {there, back} = await run('vxlan', edits, ['n1-p1', 'n2-p1']);
    expect([there.verdict.kind, back?.verdict.kind]).toEqual(['reachable', 'reachable']);
  });

  test('masquerade is undone on the way back', async () => {
    const {there, back} = await run('vxlan', [], ['n1-p1', '203.0.113.1']);
    const nat = (walk: Walk) =>
      walk.hops
        .flatMap((h) => h.steps)
        .filter((s) => s.kind === 'nat')
        .map((s) => s.text);
    expect(nat(there)).toEqual(['masquerade: 10.244.1.2 → 203.0.113.1 becomes 192.168.77.11 → 203.0.113.1']);
    expect(nat(back!)).toEqual(['connection tracking turns 203.0.113.1 → 192.168.77.11 back into 203.0.113.1 → 10.244.1.2']);
  });

  test('without masquerade nothing comes back from outside', async () => {
    const {there, back} = await run('vxlan', [['n1', 'iptables-save', without(/-A FLANNEL-POSTRTG/)]], ['n1-p1', '203.0.113.1']);
    expect([there.verdict.kind, back?.verdict]).toMatchObject(['reachable', {kind: 'broken', disposition: 'no-route'}]);
  });
});
