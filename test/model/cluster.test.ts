import {describe, expect, test} from 'vitest';
import {buildCluster, type Cluster, type Given} from '../../src/core/model/cluster.js';
import {readNode} from '../../src/core/model/read-node.js';
import {Surveyor} from '../../src/core/model/survey.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import {loadBase} from '../bases/bases.js';
import {type Edit, edited} from '../edited.js';

function clusterOf(dumps: readonly NodeDump[], given: Given = {}): Cluster {
  const surveyor = new Surveyor();
  for (const dump of dumps) surveyor.add(readNode(dump));
  return buildCluster(surveyor, given);
}
const subnets = (cluster: Cluster) => cluster.members.map((m) => m.lease?.subnet);
const change = (node: string, section: string, from: RegExp, to: string): Edit => [node, section, (out) => out.replaceAll(from, to)];

describe('the model is what most witnesses say', () => {
  test('of the pod subnet: one that differs is outvoted', async () => {
    const right = ['10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24'];
    expect(subnets(clusterOf(await loadBase('vxlan')))).toEqual(right);
    expect(subnets(clusterOf(await edited('vxlan', change('n2', 'subnet.env', /10\.244\.2\.1/g, '10.244.7.1'))))).toEqual(right);
    expect(subnets(clusterOf(await edited('vxlan', change('n2', 'ip-addr', /10\.244\.2\.0\/32/g, '10.244.7.0/32'))))).toEqual(right);
    expect(subnets(clusterOf(await edited('vxlan', change('n2', 'ip-addr', /10\.244\.2\.1\/24/g, '10.244.7.1/24'))))).toEqual(right);
  });
  test('without subnet.env the others say it', async () => {
    const dumps = await edited('vxlan', ['n2', 'subnet.env', () => undefined], ['n2', 'net-conf.json', () => undefined]);
    expect(subnets(clusterOf(dumps))).toEqual(['10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24']);
  });
  test('two nodes with one subnet keep it both', async () => {
    const same = await edited(
      'vxlan',
      change('n3', 'subnet.env', /10\.244\.3\.1/g, '10.244.2.1'),
      change('n3', 'ip-addr', /10\.244\.3\./g, '10.244.2.'),
      change('n3', 'ip-route-all', /10\.244\.3\./g, '10.244.2.'),
    );
    expect(subnets(clusterOf(same)).slice(1)).toEqual(['10.244.2.0/24', '10.244.2.0/24']);
  });
  test("of the uplink: a device that somebody's own commands made is none, whose routes have gateways in the pod network", async () => {
    const sections = ['ip-link', 'ip-addr', 'ip-route-all', 'ip-neigh', 'bridge-fdb'] as const;
    const dumps = await edited(
      'vxlan',
      ...['n1', 'n2', 'n3'].flatMap((node) => sections.map((section) => change(node, section, /flannel\.1\b/g, 'ext0'))),
    );
    const {members} = clusterOf(dumps, {
      netConf: {Network: '10.244.0.0/16', Backend: {Type: 'extension', SubnetAddCommand: 'read VTEP; own-script $VTEP'}},
    });
    expect(members.map((m) => [m.uplink?.name, m.lease?.publicIP])).toEqual(
      ['192.168.77.11', '192.168.77.12', '192.168.77.13'].map((ip) => ['eth0', ip]),
    );
  });
  test('an inventory wins over the nodes', async () => {
    const inventory = {
      source: 'x',
      nodes: ['n1', 'n2', 'n3'].map((name) => ({
        name,
        via: 'ssh' as const,
        ...(name === 'n2' && {lease: {subnet: '10.244.9.0/24', publicIP: '192.168.77.99'}}),
      })),
    };
    const cluster = clusterOf(await loadBase('vxlan'), {inventory});
    expect(cluster).toMatchObject({source: 'inventory', complete: true});
    expect(cluster.members[1]!.lease).toMatchObject({subnet: '10.244.9.0/24', publicIP: '192.168.77.99'});
  });
});

describe('doubt', () => {
  test('a member that cannot be read makes the cluster incomplete', async () => {
    const [first, ...rest] = await loadBase('vxlan');
    const cluster = clusterOf([{...first!, sections: [], failure: {kind: 'timeout', message: 'x'}}, ...rest]);
    expect(cluster).toMatchObject({complete: false, mode: {type: 'vxlan'}});
    expect(cluster.members[0]!.lease).toBeUndefined();
    expect(clusterOf(await loadBase('vxlan')).complete).toBe(true);
  });
  test('so does one that the inventory lists and nobody read', async () => {
    const nodes = ['n1', 'n2', 'n3', 'n4'].map((name) => ({name, via: 'ssh' as const}));
    expect(clusterOf(await loadBase('vxlan'), {inventory: {source: 'x', nodes}}).complete).toBe(false);
  });
  test('a single node is no cluster, unless the inventory says that it is', async () => {
    const [only] = await loadBase('vxlan');
    expect(clusterOf([only!]).complete).toBe(false);
    expect(clusterOf([only!], {inventory: {source: 'x', nodes: [{name: 'n1', via: 'local'}]}}).complete).toBe(true);
  });
  test('no node at all', () => {
    expect(clusterOf([])).toMatchObject({members: [], networks: [], complete: false, problems: []});
    expect(clusterOf([]).mode).toBeUndefined();
  });
  test('a net-conf that no node follows is said, and the nodes are judged by what they run', async () => {
    const pigeon = clusterOf(await loadBase('vxlan'), {netConf: {Network: '10.244.0.0/16', Backend: {Type: 'carrier-pigeon'}}});
    expect(pigeon.mode?.type).toBe('vxlan');
    expect(pigeon.unrolled).toEqual({asked: 'carrier-pigeon', running: 'vxlan (VNI 1, UDP 8472)'});
    const alone = clusterOf((await loadBase('vxlan')).slice(0, 1), {
      netConf: {Network: '10.244.0.0/16', Backend: {Type: 'carrier-pigeon'}},
    });
    expect(alone.mode, 'one node is no majority').toBeUndefined();
    expect(alone.problems).toEqual([expect.stringMatching(/carrier-pigeon/)]);
  });
  test("a public address beyond every node's network, as k3s' external IP, is what the peers were told", async () => {
    const [first, ...others] = await loadBase('vxlan');
    const told = (dump: NodeDump): NodeDump => ({
      ...dump,
      sections: dump.sections.map((s) =>
        s.name === 'bridge-fdb' ? {...s, out: s.out.replaceAll('dst 192.168.77.11', 'dst 198.51.100.11')} : s,
      ),
    });
    const cluster = clusterOf([first!, ...others.map(told)]);
    expect(cluster.members.map((m) => m.lease?.publicIP)).toEqual(['198.51.100.11', '192.168.77.12', '192.168.77.13']);
  });
  test('a net-conf that is not valid is a problem', async () => {
    expect(clusterOf(await loadBase('vxlan'), {netConf: {Backend: {}}}).problems).toEqual(['net-conf: Network is missing']);
  });
});

describe('the mode', () => {
  const withoutConf = async (base: string) =>
    (await loadBase(base)).map((d) => ({...d, sections: d.sections.filter((s) => s.name !== 'net-conf.json')}));
  test.each([
    ['vxlan', false],
    ['vxlan-dual', false],
    ['vxlan-direct', true],
    ['host-gw', false],
    ['host-gw-dual', false],
  ] as const)('of %s is seen in the tables too', async (base, direct) => {
    const cluster = clusterOf(await withoutConf(base));
    expect({mode: cluster.mode?.type, by: cluster.configuredBy, direct: cluster.settings?.directRouting}).toEqual({
      mode: base.split('-')[0] === 'host' ? 'host-gw' : 'vxlan',
      by: 'derived',
      direct,
    });
  });
  test('of mixed nodes is what most run; each keeps its own', async () => {
    const vxlan = await withoutConf('vxlan');
    const hostGw = (await withoutConf('host-gw')).slice(2);
    const cluster = clusterOf([...vxlan.slice(0, 2), ...hostGw]);
    expect(cluster.mode?.type).toBe('vxlan');
    expect(cluster.members.map((m) => m.mode?.type)).toEqual(['vxlan', 'vxlan', 'host-gw']);
  });
});

describe('readNode', () => {
  const cni = async (change_: (name: string) => Partial<NodeDump['sections'][number]>) => {
    const [first] = await loadBase('vxlan');
    return readNode({...first!, sections: first!.sections.map((s) => ({...s, ...change_(s.name)}))});
  };
  test('takes a CNI file that could not be read for a gap, and not for none', async () => {
    const state = await cni((name) => (name.startsWith('cni/') ? {rc: 1, out: '', err: 'cat: Permission denied'} : {}));
    expect(state.cni).toBeUndefined();
    expect(state.gaps).toEqual([
      {node: 'n1', what: 'cni/10-flannel.conflist', why: expect.stringMatching(/exit 1: cat: Permission denied/) as string},
    ]);
  });
  test('takes an empty folder for none, and a dump without it for not looked', async () => {
    const [first] = await loadBase('vxlan');
    const left = first!.sections.filter((s) => !s.name.startsWith('cni/'));
    expect(readNode({...first!, sections: left}).cni).toBe('none');
    expect(readNode({...first!, sections: left.filter((s) => s.name !== 'cni-bin')}).cni).toBeUndefined();
  });
  test('takes a file that is not there for none, and one that was not asked for as not looked', async () => {
    const gone = await cni((name) =>
      name === 'subnet.env' ? {rc: 1, out: '', err: 'cat: /run/flannel/subnet.env: No such file or directory'} : {},
    );
    expect(gone.subnetEnv).toBe('none');
    const [first] = await loadBase('vxlan');
    expect(readNode({...first!, sections: first!.sections.filter((s) => s.name !== 'subnet.env')}).subnetEnv).toBeUndefined();
  });
  test('devices without details are no devices that were looked at', async () => {
    const [first] = await loadBase('vxlan');
    const state = readNode({...first!, sections: first!.sections.filter((s) => s.name !== 'ip-link')});
    expect(state.tables.link?.length).toBeGreaterThan(0);
    expect(state.families.link).toBeUndefined();
    expect(state.gaps.map((g) => g.what)).toEqual(['ip-addr']);
  });
});
