import {describe, expect, test} from 'vitest';
import type {Cloud, CloudEni, CloudRoute} from '../../src/core/cloud/cloud.js';
import {traceAllPairs} from '../../src/edge/all-pairs.js';
import {traceReport} from '../../src/edge/trace-report.js';
import {bridged, dumpOf, policyNodes, routerNodes, type Sections, shown, traced} from './fabric-nodes.js';

const route = (dst: string, ip: string, more: Partial<CloudRoute> = {}): CloudRoute => ({
  ...{provider: 'tke', tableId: 'cls-1', dst, nextHop: {type: 'GatewayIp', id: ip, ip}, state: 'active', origin: 'user', raw: {}},
  ...more,
});
const rows = (...routes: readonly CloudRoute[]): Cloud => ({
  routes,
  tables: [{provider: 'tke', id: 'cls-1', subnets: [], wide: true, cidr: '172.20.0.0/16'}],
  sources: {routes: {from: 'routes.json', takenAt: '2026-11-20T10:00:00Z'}},
  problems: [],
});
const healthy = [route('172.20.0.0/26', '10.0.0.29'), route('172.20.0.64/26', '10.0.0.37')];
const eni = (id: string, instanceId: string, addresses: readonly string[], more: Partial<CloudEni> = {}): CloudEni => ({
  ...{provider: 'tencent', id, instanceId, subnetId: 'subnet-1', vpcId: 'vpc-1', prefixes: [], raw: {}},
  addresses: addresses.map((address, i) => ({address, primary: i === 0})),
  ...more,
});
const enis = (...list: readonly CloudEni[]): Cloud => ({enis: list, sources: {enis: {from: 'enis.json'}}, problems: []});
const policyEnis = [
  eni('eni-a0', 'ins-a', ['10.0.0.49'], {mac: '52:54:00:6a:d6:a9'}),
  eni('eni-a1', 'ins-a', ['10.0.0.52', '10.0.0.41', '10.0.0.44'], {mac: '20:90:6f:cd:76:76'}),
  eni('eni-b0', 'ins-b', ['10.0.0.22'], {mac: '52:54:00:00:00:22'}),
  eni('eni-b1', 'ins-b', ['10.0.0.23', '10.0.0.30', '10.0.0.35'], {mac: '20:90:6f:00:00:23'}),
  eni('eni-vm', 'ins-vm', ['10.0.0.60']),
];
const change = (nodes: Readonly<Record<string, Sections>>, node: string, section: string, from: RegExp, to: string) => {
  const text = nodes[node]?.[section];
  expect(text).toMatch(from);
  return {...nodes, [node]: {...nodes[node], [section]: text!.replace(from, to)} as Sections};
};
const exit = (found: Awaited<ReturnType<typeof traced>>, assume = false): number =>
  traceReport(found, {proto: 'icmp', port: null}, [], assume).exit;
const crossings = (found: Awaited<ReturnType<typeof traced>>) =>
  [found.there, found.back].flatMap((w) => w?.hops.flatMap((h) => h.steps.flatMap((s) => s.crossing ?? [])) ?? []);

describe('Global Router, .3 → .66 of the article', () => {
  test('every hop has the row that decides; the way between the nodes is what must be so', async () => {
    const found = await traced(routerNodes, 'pod1', 'pod4');
    expect(shown(found.there)).toEqual([
      'pod pod1: send 172.20.0.3 → 172.20.0.66, icmp, 84 bytes',
      'pod pod1: route default via 172.20.0.1 dev eth0',
      'pod pod1: neighbour 172.20.0.1 is VM-0-29, f6:23:3e:66:b2:51',
      'VM-0-29: bridge Veth6c4b21b7, port of cbr0',
      'VM-0-29: route default via 10.0.0.1 dev eth0 proto dhcp metric 100',
      'VM-0-29: neighbour 10.0.0.1 is fe:ee:01:02:03:04',
      'cloud network: fabric would be row 172.20.0.64/26 → 10.0.0.37: to VM-0-37/eth0',
      'VM-0-37: receive eth0 52:54:00:00:00:37',
      'VM-0-37: route 172.20.0.64/26 dev cbr0 proto kernel scope link src 172.20.0.65',
      'VM-0-37: neighbour 172.20.0.66 is pod pod4, f6:b9:8c:3d:62:66',
      'VM-0-37: fdb f6:b9:8c:3d:62:66 is behind Veth6c4b21b7',
      'pod pod4: receive eth0 f6:b9:8c:3d:62:66',
      'pod pod4: deliver pod pod4 has 172.20.0.66',
    ]);
    expect([found.there.verdict, found.back?.verdict]).toEqual(Array(2).fill({kind: 'reachable', certainty: 'inferred'}));
    expect([exit(found), exit(found, true)]).toEqual([3, 0]);
    expect(crossings(found)[0]).toEqual({
      ...{status: 'inferred', from: 'VM-0-29/eth0', to: 'VM-0-37/eth0', source: null, takenAt: null},
      decides: {table: null, row: 'row 172.20.0.64/26 → 10.0.0.37', would: true},
      inferred: [expect.stringContaining('GRE')],
      refutedBy: ['no packet on VM-0-37/eth0 while VM-0-29/eth0 sends'],
    });
  });
  test('with the rows of the cloud it is declared, and good', async () => {
    const found = await traced(routerNodes, 'pod1', 'pod4', {cloud: rows(...healthy)});
    expect([found.there.verdict, found.back?.verdict]).toEqual(Array(2).fill({kind: 'reachable', certainty: 'declared'}));
    expect(exit(found)).toBe(0);
    expect(crossings(found).map(({decides, source, takenAt}) => [decides.row, decides.table, source, takenAt])).toEqual([
      ['172.20.0.64/26 → GatewayIp 10.0.0.37', 'cls-1', 'routes.json', '2026-11-20T10:00:00Z'],
      ['172.20.0.0/26 → GatewayIp 10.0.0.29', 'cls-1', 'routes.json', '2026-11-20T10:00:00Z'],
    ]);
  });
  test.each([
    ['the row of the destination is missing', [healthy[0]!], 'there', 'no-route', /172\.20\.0\.64\/26 of VM-0-37 is missing/],
    ['the row of the sender is missing', [healthy[1]!], 'back', 'no-route', /172\.20\.0\.0\/26 of VM-0-29 is missing/],
    ['it is disabled', [healthy[0]!, {...healthy[1]!, state: 'disabled'}], 'there', 'no-route', /missing/],
    ['it leads to the sender', [healthy[0]!, route('172.20.0.64/26', '10.0.0.29')], 'there', 'looped', /until its TTL ends/],
    ['a second one shares the packets', [...healthy, route('172.20.0.64/26', '10.0.0.29')], 'there', 'looped', /leg 2 of 2/],
    ['it leads to nobody', [healthy[0]!, route('172.20.0.64/26', '10.0.0.99')], 'there', 'no-listener', /10\.0\.0\.99, which is no node/],
    ['what it led to is gone', [healthy[0]!, {...healthy[1]!, state: 'blackhole'}], 'there', 'refused', /blackhole/],
  ] as const)('%s', async (_name, routes, way, disposition, because) => {
    const found = await traced(routerNodes, 'pod1', 'pod4', {cloud: rows(...routes)});
    const walk = way === 'there' ? found.there : found.back;
    expect(walk?.verdict).toMatchObject({kind: 'broken', disposition, because: expect.stringMatching(because)});
    expect(exit(found)).toBe(1);
  });
  test('out of the network the rows of the cluster say nothing, and it is told what would', async () => {
    const out = await traced(routerNodes, 'pod1', '203.0.113.10', {cloud: rows(...healthy)});
    expect(crossings(out)[0]).toMatchObject({
      status: 'inferred',
      decides: {row: "whatever leads to 203.0.113.10 (cls-1 leads to pods alone; the VPC's own tables, which would say, were not given)"},
    });
  });
  test('the same node needs no cloud; a node sends with its own address', async () => {
    const local = await traced(routerNodes, 'pod1', '172.20.0.4', {cloud: rows()});
    expect([local.there.verdict, exit(local)]).toEqual([{kind: 'reachable', certainty: 'observed'}, 0]);
    const node = await traced(routerNodes, 'VM-0-29', 'pod4', {cloud: rows(healthy[1]!)});
    expect(shown(node.there)[0]).toContain('10.0.0.29 → 172.20.0.66');
    expect([node.there.verdict, node.back?.verdict.kind]).toEqual([{kind: 'reachable', certainty: 'declared'}, 'reachable']);
  });
  test('the row is that interface’s which has its address; by another of the node it is lost if the cloud checks', async () => {
    const leaving = (first: string, second: string) => ({
      ...rows(...healthy),
      ...enis(eni('eni-a', 'ins-29', [first], {mac: '52:54:00:00:00:29'}), eni('eni-b', 'ins-29', [second], {mac: '52:54:00:00:01:29'})),
    });
    const own = await traced(routerNodes, 'pod1', 'pod4', {cloud: leaving('10.0.0.29', '10.0.0.52')});
    expect(own.there.verdict).toEqual({kind: 'reachable', certainty: 'declared'});
    const other = await traced(routerNodes, 'pod1', 'pod4', {cloud: leaving('10.0.0.52', '10.0.0.29')});
    expect(other.there.verdict).toMatchObject({
      kind: 'unknown',
      because: expect.stringMatching(/no address of eni-a, .* if the cloud checks/),
    });
  });
  test('without its route to the bridge the second node sends the packet back', async () => {
    const nodes = change(routerNodes, 'VM-0-37', 'ip-route-all', /172\.20\.0\.64\/26 dev cbr0 .*\n/, '');
    const found = await traced(nodes, 'pod1', 'pod4', {cloud: rows(...healthy)});
    expect(found.there.verdict).toMatchObject({kind: 'broken', disposition: 'looped'});
  });
});

describe('every node to every other', () => {
  const dumps = {
    async *nodes() {
      yield* Object.entries(routerNodes).map(([node, sections]) => dumpOf(node, sections));
    },
  };
  const marks = async (cloud: Cloud | undefined) => {
    const [matrix] = await traceAllPairs(dumps, cloud ? {cloud} : {}, undefined);
    return [matrix?.counts, matrix?.reasons.map((r) => r.because)];
  };
  const none = {reachable: 0, inferred: 0, broken: 0, unknown: 0};
  test('as the cloud has it, and inferred where nobody asked', async () => {
    expect(await marks(undefined)).toEqual([{...none, inferred: 2}, []]);
    expect(await marks(rows(...healthy))).toEqual([{...none, reachable: 2}, []]);
    expect(await marks(rows(healthy[0]!))).toEqual([
      {...none, broken: 2},
      Array(2).fill(expect.stringContaining('172.20.0.64/26 of VM-0-37 is missing')),
    ]);
    expect((await marks(rows(healthy[0]!, route('172.20.0.64/26', '10.0.0.29'))))[0]).toEqual({...none, broken: 2});
  });
});

describe('VPC-CNI, .44 → .30 and .44 → .41 of the article', () => {
  test('to another node by the rule from the pod and its table', async () => {
    const found = await traced(policyNodes, '10.0.0.44', '10.0.0.30');
    expect(shown(found.there)).toEqual([
      'pod pod1: send 10.0.0.44 → 10.0.0.30, icmp, 84 bytes',
      'pod pod1: route default via 169.254.1.1 dev eth0',
      'pod pod1: neighbour 169.254.1.1 is e2:62:fb:d2:cb:28',
      'VM-0-49: link eni8ba8b48a483, on no bridge',
      'VM-0-49: rule 1536:	from 10.0.0.44 lookup 100',
      'VM-0-49: route default via 10.0.0.1 dev eth1 table 100 onlink',
      'VM-0-49: neighbour 10.0.0.1 is fe:ee:01:02:03:04',
      'cloud network: fabric would be 10.0.0.30 on a network interface of VM-0-22: to VM-0-22/eth1',
      'VM-0-22: receive eth1 20:90:6f:00:00:23',
      'VM-0-22: rule 512:	from all to 10.0.0.30 lookup main',
      'VM-0-22: route 10.0.0.30 dev eni0f548c70045 scope link',
      'VM-0-22: neighbour 10.0.0.30 is pod pod4, 0c:00:00:00:00:30',
      'pod pod4: receive eth0 0c:00:00:00:00:30',
      'pod pod4: deliver pod pod4 has 10.0.0.30',
    ]);
    expect([found.there.verdict, found.back?.verdict]).toEqual(Array(2).fill({kind: 'reachable', certainty: 'inferred'}));
  });
  test('to its neighbour by the rule to it, and never out', async () => {
    const found = await traced(policyNodes, '10.0.0.44', '10.0.0.41');
    expect(shown(found.there).slice(3, 8)).toEqual([
      'VM-0-49: link eni8ba8b48a483, on no bridge',
      'VM-0-49: rule 512:	from all to 10.0.0.41 lookup main',
      'VM-0-49: route 10.0.0.41 dev eniec98d9f243c scope link',
      'VM-0-49: neighbour 10.0.0.41 is pod pod2, 8a:29:c5:ea:79:f2',
      'pod pod2: receive eth0 8a:29:c5:ea:79:f2',
    ]);
    expect([found.there.verdict, found.back?.verdict]).toEqual(Array(2).fill({kind: 'reachable', certainty: 'observed'}));
  });
  test('the interfaces of the cloud declare both ways, also from and to a machine that is no node', async () => {
    const given = {cloud: enis(...policyEnis)};
    const pairs = [
      ['10.0.0.44', '10.0.0.30'],
      ['VM-0-49', '10.0.0.30'],
      ['10.0.0.30', 'VM-0-49'],
    ] as const;
    for (const [from, to] of pairs) {
      const found = await traced(policyNodes, from, to, given);
      expect([from, to, found.there.verdict, found.back?.verdict, exit(found)]).toEqual([
        ...[from, to],
        ...Array(2).fill({kind: 'reachable', certainty: 'declared'}),
        0,
      ]);
    }
    const vm = await traced(policyNodes, '10.0.0.60', '10.0.0.44', given);
    expect(vm.from).toEqual({name: '10.0.0.60', kind: 'vm', addresses: {4: '10.0.0.60'}});
    expect(vm.there.verdict).toEqual({kind: 'reachable', certainty: 'declared'});
    // Its own tables are not gathered: where it sends is called after it, and is no wire.
    expect([vm.there.hops[0]?.place, vm.there.hops[1]?.place]).toEqual(['machine 10.0.0.60', 'cloud network']);
    expect(crossings(vm).map(({from, to, decides}) => [from, to, decides.row])).toEqual([
      ['10.0.0.60', 'VM-0-49/eth1', '10.0.0.44 on eni-a1 of VM-0-49'],
      ['VM-0-49/eth1', null, '10.0.0.60 on eni-vm of ins-vm'],
    ]);
    const back = await traced(policyNodes, '10.0.0.44', '10.0.0.60', given);
    expect([back.there.verdict, back.back?.verdict, exit(back)]).toEqual([...Array(2).fill({kind: 'reachable', certainty: 'declared'}), 0]);
  });
  test.each([
    ['the rule to the neighbour', 'ip-rule', /512:.*10\.0\.0\.41.*\n/, '10.0.0.41', 'broken', 'looped'],
    ['the rule from the pod', 'ip-rule', /1536:.*10\.0\.0\.44.*\n/, '10.0.0.30', 'unknown', 'unknown'],
    ['the default of its table', 'ip-route-all', /default .*table 100.*\n/, '10.0.0.30', 'unknown', 'unknown'],
    ['the pod’s neighbour entry', 'pods/pod1/ip-neigh', /169.*\n/, '10.0.0.30', 'broken', 'no-neighbour'],
    ['the veth’s own address in it', 'pods/pod1/ip-neigh', /e2:62:fb:d2:cb:28/, '10.0.0.30', 'broken', 'bridge-port'],
  ] as const)('without %s', async (_name, section, pattern, to, kind, disposition) => {
    const nodes = change(
      policyNodes,
      'VM-0-49',
      section,
      pattern,
      section.endsWith('neigh') && disposition === 'bridge-port' ? 'e2:62:fb:d2:cb:29' : '',
    );
    const found = await traced(nodes, '10.0.0.44', to, {cloud: enis(...policyEnis)});
    expect(found.there.verdict).toMatchObject({kind, disposition});
  });
  test('what a route takes in for the node itself, and is for another, nobody answers', async () => {
    const nodes = change(policyNodes, 'VM-0-49', 'ip-route-all', /^/, 'local default dev lo table 100 scope host\n');
    for (const to of ['10.0.0.60', '10.0.0.30', '203.0.113.10']) {
      const found = await traced(nodes, '10.0.0.44', to, {cloud: enis(...policyEnis)});
      expect(found.there.verdict).toMatchObject({
        kind: 'broken',
        disposition: 'no-listener',
        because: expect.stringContaining(`have ${to}`),
      });
    }
  });
  test('a source that is not the interface’s is lost where the cloud says that it checks', async () => {
    const nodes = change(policyNodes, 'VM-0-49', 'ip-rule', /1536:.*10\.0\.0\.44.*\n/, '');
    const checking = (check: boolean) => enis(...policyEnis.map((e) => ({...e, provider: 'aws' as const, sourceDestCheck: check})));
    const on = await traced(nodes, '10.0.0.44', '10.0.0.30', {cloud: checking(true)});
    expect(on.there.verdict).toMatchObject({kind: 'broken', disposition: 'source-check', because: expect.stringContaining('eni-a0')});
    const off = await traced(nodes, '10.0.0.44', '10.0.0.30', {cloud: checking(false)});
    expect(off.there.verdict).toEqual({kind: 'reachable', certainty: 'declared'});
    const none = await traced(nodes, '10.0.0.44', '10.0.0.30');
    expect(none.there.verdict).toMatchObject({
      kind: 'unknown',
      hinges: 'source-check',
      because: expect.stringMatching(/belongs to eth1: it is lost if the cloud checks/),
    });
  });
  test('a security group that drops it is said where groups were given; answers are let in', async () => {
    const withGroups = (from: readonly string[]): Cloud => ({
      ...enis(...policyEnis.map((e) => ({...e, groups: e.id === 'eni-b1' ? ['sg-b'] : ['sg-shut']}))),
      groups: [
        {provider: 'tencent', id: 'sg-b', ingress: [{action: 'accept', proto: 'icmp', from, groups: [], priority: 0}]},
        {provider: 'tencent', id: 'sg-shut', ingress: []},
      ],
    });
    const open = await traced(policyNodes, '10.0.0.44', '10.0.0.30', {cloud: withGroups(['10.0.0.0/24'])});
    expect([open.there.verdict, open.back?.verdict]).toEqual(Array(2).fill({kind: 'reachable', certainty: 'declared'}));
    const shut = await traced(policyNodes, '10.0.0.44', '10.0.0.30', {cloud: withGroups(['10.0.1.0/24'])});
    expect(shut.there.verdict).toMatchObject({
      kind: 'broken',
      disposition: 'filtered',
      because: 'the security group sg-b of eni-b1 drops it: nothing in it is about 10.0.0.44',
    });
    const vm = await traced(policyNodes, '10.0.0.44', '10.0.0.60', {cloud: withGroups([])});
    expect(vm.there.verdict).toMatchObject({
      kind: 'broken',
      disposition: 'filtered',
      because: expect.stringContaining('sg-shut of eni-vm'),
    });
  });
  test('where groups were not given, it is said that nobody has looked', async () => {
    const refuted = async (cloud: Cloud) => {
      const {there, back} = await traced(policyNodes, '10.0.0.44', '10.0.0.30', {cloud});
      return [there, ...(back ? [back] : [])].map(({hops}) =>
        hops
          .flatMap(({steps}) => steps)
          .flatMap((s) => s.crossing?.refutedBy ?? [])
          .filter((why) => why.includes('group')),
      );
    };
    const grouped = policyEnis.map((e) => ({...e, groups: ['sg-a']}));
    const unsaid = ['a security group of eni-b1 that does not let it in: they were not given (--cloud-groups)'];
    expect(await refuted(enis(...grouped))).toEqual([unsaid, []]);
    expect((await refuted({...enis(...grouped), groups: []}))[0]).toEqual([]);
    expect(await refuted(enis(...policyEnis))).toEqual([[], []]);
  });
  test('an address that the cloud has elsewhere does not arrive, whatever the tables say', async () => {
    const moved = policyEnis.map((e) =>
      e.id === 'eni-b1'
        ? {...e, addresses: e.addresses.slice(0, 1)}
        : e.id === 'eni-a1'
          ? eni('eni-a1', 'ins-a', ['10.0.0.52', '10.0.0.41', '10.0.0.44', '10.0.0.30'], {mac: e.mac!})
          : e,
    );
    const wrong = await traced(policyNodes, '10.0.0.44', '10.0.0.30', {cloud: enis(...moved)});
    expect(wrong.there.verdict.kind).toBe('broken');
    expect(shown(wrong.there).join('\n')).toContain("10.0.0.30 is VM-0-22's, and the cloud has it on eni-a1 of VM-0-49");
    const nowhere = policyEnis.map((e) => (e.id === 'eni-b1' ? {...e, addresses: e.addresses.slice(0, 1)} : e));
    const gone = await traced(policyNodes, '10.0.0.44', '10.0.0.30', {cloud: enis(...nowhere)});
    expect(gone.there.verdict).toMatchObject({
      kind: 'broken',
      because: expect.stringContaining('no network interface that the cloud lists has 10.0.0.30'),
    });
  });
});

describe('flannel in VPC mode, the six steps of the article', () => {
  const nodes = {
    'node-22': bridged('10.110.110.22', '10.100.38.0/24', 'docker0', [
      ['a', 6, '0a:00:00:00:38:02', '10.100.38.2/24'],
      ['b', 7, '0a:00:00:00:38:03', '10.100.38.3/24'],
    ]),
    'node-21': bridged('10.110.110.21', '10.100.14.0/24', 'docker0', [['c', 6, '0a:00:00:00:14:05', '10.100.14.5/24']]),
  };
  const env = (subnet: string) => `FLANNEL_NETWORK=10.100.0.0/16\nFLANNEL_SUBNET=${subnet}\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=false\n`;
  const flannel = (of: typeof nodes): Readonly<Record<string, Sections>> => ({
    'node-22': {...of['node-22'], 'subnet.env': env('10.100.38.1/24')},
    'node-21': {...of['node-21'], 'subnet.env': env('10.100.14.1/24')},
  });
  const netConf = {Network: '10.100.0.0/16', Backend: {Type: 'tencent-vpc'}};
  const cvm = (dst: string, id: string): CloudRoute =>
    route(dst, id, {provider: 'tencent', tableId: 'rtb-1', nextHop: {type: 'NORMAL_CVM', id, ip: id}});
  const local = route('10.110.0.0/16', 'local', {provider: 'tencent', tableId: 'rtb-1', nextHop: {type: 'local', id: 'Local'}});
  const cloud: Cloud = {
    ...rows(cvm('10.100.38.0/24', '10.110.110.22'), cvm('10.100.14.0/24', '10.110.110.21'), local),
    tables: [{provider: 'tencent', id: 'rtb-1', main: true, subnets: ['subnet-1']}],
  };
  const given = {netConf, cloud};
  const only = (lines: readonly string[]) => lines.filter((l) => /: (route|fdb|fabric) /.test(l));

  test('1 pods of a node by the bridge; 2 the node by its route to the bridge', async () => {
    const pods = await traced(flannel(nodes), 'a', 'b', given);
    expect(only(shown(pods.there))).toEqual([
      'pod a: route 10.100.38.0/24 dev eth0 scope link src 10.100.38.2',
      'node-22: fdb 0a:00:00:00:38:03 is behind Veth7c4b21b7',
    ]);
    const node = await traced(flannel(nodes), 'node-22', 'a', given);
    expect(only(shown(node.there))[0]).toBe('node-22: route 10.100.38.0/24 dev docker0 proto kernel scope link src 10.100.38.1');
    expect([pods.there.verdict, node.back?.verdict]).toEqual(Array(2).fill({kind: 'reachable', certainty: 'observed'}));
  });
  test.each([
    ['4 a node to a pod of another', 'node-22', 'c'],
    ['5 a pod to a pod of another node', 'a', 'c'],
  ])('3, %s: by the route table of the VPC', async (_name, from, to) => {
    const found = await traced(flannel(nodes), from, to, given);
    expect(only(shown(found.there)).slice(-4)).toEqual([
      'node-22: route default via 10.110.110.1 dev eth0 proto dhcp metric 100',
      'cloud network: fabric 10.100.14.0/24 → NORMAL_CVM 10.110.110.21: to node-21/eth0',
      'node-21: route 10.100.14.0/24 dev docker0 proto kernel scope link src 10.100.14.1',
      'node-21: fdb 0a:00:00:00:14:05 is behind Veth6c4b21b7',
    ]);
    expect([found.there.verdict, found.back?.verdict, exit(found)]).toEqual([
      ...Array(2).fill({kind: 'reachable', certainty: 'declared'}),
      0,
    ]);
  });
  test('6 an ordinary machine of the VPC to a pod by the same row, and back', async () => {
    const found = await traced(flannel(nodes), '10.110.110.60', 'c', given);
    expect(crossings(found).map(({from, to, decides}) => [from, to, decides.row])).toEqual([
      ['10.110.110.60', 'node-21/eth0', '10.100.14.0/24 → NORMAL_CVM 10.110.110.21'],
      ['node-21/eth0', null, expect.stringContaining('10.110.110.60')],
    ]);
    expect(found.there.verdict).toEqual({kind: 'reachable', certainty: 'declared'});
    expect(found.back?.verdict.kind).toBe('reachable');
  });
  test('with host-gw the same nodes need no row: their own routes lead on', async () => {
    const more = (of: string, via: string) => ({'ip-route-all': `${of} via ${via} dev eth0\n`});
    const direct = flannel(nodes);
    const gw = {
      'node-22': {
        ...direct['node-22'],
        'ip-route-all': `${more('10.100.14.0/24', '10.110.110.21')['ip-route-all']}${direct['node-22']!['ip-route-all']}`,
      },
      'node-21': {
        ...direct['node-21'],
        'ip-route-all': `${more('10.100.38.0/24', '10.110.110.22')['ip-route-all']}${direct['node-21']!['ip-route-all']}`,
      },
    };
    const found = await traced(gw, 'a', 'c', {netConf: {...netConf, Backend: {Type: 'host-gw'}}});
    expect(only(shown(found.there))).toContain('node-22: route 10.100.14.0/24 via 10.110.110.21 dev eth0');
    expect(crossings(found)).toEqual([]);
    expect([found.there.verdict, found.back?.verdict]).toEqual(Array(2).fill({kind: 'reachable', certainty: 'observed'}));
  });
  test('an answer from the world to a pod that was not masqueraded does not come, but through a NAT gateway', async () => {
    const out = await traced(flannel(nodes), 'a', '203.0.113.10', {netConf});
    expect(out.back?.verdict).toMatchObject({
      kind: 'broken',
      disposition: 'no-route',
      because: expect.stringContaining('went out with its own address'),
    });
    const nat = route('0.0.0.0/0', 'nat-1', {provider: 'tencent', tableId: 'rtb-1', nextHop: {type: 'NAT', id: 'nat-1'}});
    const through = await traced(flannel(nodes), 'a', '203.0.113.10', {netConf, cloud: {...cloud, routes: [...cloud.routes!, nat]}});
    expect([through.there.verdict.kind, through.back?.verdict.kind]).toEqual(['reachable', 'reachable']);
  });
});
