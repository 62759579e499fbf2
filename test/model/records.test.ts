import {describe, expect, test} from 'vitest';
import {buildCluster, type Cluster, type Given} from '../../src/core/model/cluster.js';
import {readNode} from '../../src/core/model/read-node.js';
import {Surveyor} from '../../src/core/model/survey.js';
import {view} from '../../src/core/model/view.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import {loadBase} from '../bases/bases.js';
import {annotation, type RecordEdits, recordsFor} from '../recorded.js';

function clusterOf(dumps: readonly NodeDump[], given: Given = {}): Cluster {
  const surveyor = new Surveyor();
  for (const dump of dumps) surveyor.add(readNode(dump));
  return buildCluster(surveyor, given);
}
const base = () => loadBase('vxlan');
const beside = async (edits: RecordEdits, given: Given = {}): Promise<Cluster> => {
  const dumps = await base();
  return clusterOf(dumps, {...given, records: recordsFor(dumps, edits)});
};
const annotated = (annotations: Record<string, string | null>) => ({metadata: {annotations}});

describe("flannel's records beside the nodes", () => {
  test.each(['kubernetes', 'etcd'] as const)('of %s say the same as healthy nodes do', async (from) => {
    const derived = clusterOf(await base());
    const cluster = await beside({from});
    expect(cluster.members.map((m) => m.lease)).toEqual(derived.members.map((m) => m.lease));
    expect(cluster).toMatchObject({source: from, complete: true, problems: []});
    expect(cluster.configuredFrom).toBe(
      from === 'etcd' ? '/coreos.com/network/config' : 'ConfigMap kube-flannel/kube-flannel-cfg, net-conf.json',
    );
  });

  test('a node that was not looked at is a member, and its rows are expected on the others', async () => {
    const dumps = await base();
    const cluster = clusterOf(dumps.slice(0, 2), {records: recordsFor(dumps, {from: 'kubernetes'})});
    expect(cluster.members.map((m) => m.name)).toEqual(['n1', 'n2', 'n3']);
    expect(cluster.complete).toBe(true);
    expect(cluster.members[2]).toMatchObject({
      lease: {subnet: '10.244.3.0/24', publicIP: '192.168.77.13', vtepMAC: expect.any(String) as string},
    });
    expect(cluster.members[2]!.survey.state.gaps).toEqual([
      {node: 'n3', what: 'node', why: 'listed by context admin@prod, and not looked at'},
    ]);
    const {expected, changes} = view(cluster, readNode(dumps[0]!));
    expect(expected!.route.map((w) => w.peer)).toEqual(['n2', 'n3']);
    expect(Object.values(changes).flat()).toEqual([]);
  });

  test('the address and the device that the node has say more than a record that parts from them', async () => {
    const cluster = await beside({
      from: 'kubernetes',
      nodes: {
        n2: annotated({
          [annotation('public-ip')]: '192.168.77.99',
          [annotation('backend-data')]: '{"VNI":1,"VtepMAC":"0a:00:00:00:00:99"}',
        }),
      },
    });
    const derived = clusterOf(await base());
    expect(cluster.members[1]!.lease).toEqual(derived.members[1]!.lease);
    expect(cluster.members[1]!.record!.lease).toMatchObject({publicIP: '192.168.77.99', backendData: {vtepMAC: '0a:00:00:00:00:99'}});
  });

  test('and so does the pod subnet that it runs', async () => {
    const cluster = await beside({from: 'kubernetes', nodes: {n2: {spec: {podCIDR: '10.244.9.0/24', podCIDRs: ['10.244.9.0/24']}}}});
    expect(cluster.members[1]).toMatchObject({lease: {subnet: '10.244.2.0/24'}, record: {lease: {subnet: '10.244.9.0/24'}}});
  });

  test('but an address that is meant to be elsewhere is the one of the record', async () => {
    const overwritten = {[annotation('public-ip')]: '198.51.100.2', [annotation('public-ip-overwrite')]: '198.51.100.2'};
    const cluster = await beside({from: 'kubernetes', nodes: {n2: annotated(overwritten)}});
    expect(cluster.members[1]!.lease).toMatchObject({publicIP: '198.51.100.2', subnet: '10.244.2.0/24'});
  });

  test('a node without the mark is invisible to its peers: its rows may be there or not', async () => {
    const dumps = await base();
    const records = recordsFor(dumps, {from: 'kubernetes', nodes: {n2: annotated({[annotation('kube-subnet-manager')]: null})}});
    const cluster = clusterOf(dumps, {records});
    expect(cluster.members[1]!.lease).toMatchObject({subnet: '10.244.2.0/24', unpublished: true});
    const gone = {
      ...dumps[0]!,
      sections: dumps[0]!.sections.map((s) => ({
        ...s,
        out: s.out
          .split('\n')
          .filter((l) => !l.includes('10.244.2.'))
          .join('\n'),
      })),
    };
    for (const dump of [dumps[0]!, gone]) expect(Object.values(view(cluster, readNode(dump)).changes).flat()).toEqual([]);
  });

  test('when no node is marked the leases are elsewhere', async () => {
    const off = annotated({[annotation('kube-subnet-manager')]: null});
    const cluster = await beside({from: 'kubernetes', nodes: {n1: off, n2: off, n3: off}});
    expect(cluster).toMatchObject({
      source: 'derived',
      problems: [expect.stringMatching(/no node of context admin@prod carries flannel/) as string],
    });
    expect(cluster.members.every((m) => m.record === undefined && m.lease?.unpublished === undefined)).toBe(true);
  });

  test('IPv6 podCIDRs that flannel does not use are no lease', async () => {
    const cluster = await beside({from: 'kubernetes', nodes: {n2: {spec: {podCIDRs: ['10.244.2.0/24', 'fd00:2::/64']}}}});
    expect(cluster.members[1]!.lease).not.toHaveProperty('ipv6Subnet');
  });

  test('leases of etcd find their nodes by address, and by subnet where the address was changed', async () => {
    const moved = await beside({from: 'etcd', keys: {'subnets/10.244.2.0-24': {PublicIP: '192.168.77.13'}}});
    expect(moved.members.map((m) => [m.name, m.record!.lease.subnet, m.lease!.publicIP])).toEqual([
      ['n1', '10.244.1.0/24', '192.168.77.11'],
      ['n2', '10.244.2.0/24', '192.168.77.12'],
      ['n3', '10.244.3.0/24', '192.168.77.13'],
    ]);
    const renumbered = await beside({
      from: 'etcd',
      keys: {'subnets/10.244.2.0-24': null, 'subnets/10.244.7.0-24': {PublicIP: '192.168.77.12', BackendType: 'vxlan'}},
    });
    expect(renumbered.members[1]).toMatchObject({name: 'n2', lease: {subnet: '10.244.2.0/24'}, record: {lease: {subnet: '10.244.7.0/24'}}});
    const dead = await beside({from: 'etcd', keys: {'subnets/10.244.8.0-24': {PublicIP: '192.168.77.18', BackendType: 'vxlan'}}});
    expect(dead.members.map((m) => m.name)).toEqual(['n1', 'n2', 'n3', '192.168.77.18']);
    expect(dead.members[3]!.survey.state.gaps).toEqual([]);
    const lost = await beside({from: 'etcd', keys: {'subnets/10.244.2.0-24': null}});
    expect(lost.members[1]).toMatchObject({unrecorded: true, lease: {subnet: '10.244.2.0/24', unpublished: true}});
  });

  test('a node under another name is found by its address, one that the inventory knows by address too', async () => {
    const dumps = await base();
    const records = recordsFor(dumps, {from: 'etcd'});
    const [first, ...rest] = dumps;
    const down = {node: '192.168.77.11', via: 'ssh', sections: [], failure: {kind: 'connect', message: 'refused'}};
    expect(clusterOf([down, ...rest], {records}).members.map((m) => m.record?.lease.subnet)).toEqual([
      '10.244.1.0/24',
      '10.244.2.0/24',
      '10.244.3.0/24',
    ]);
    const named = {...down, node: 'first'};
    const inventory = {source: 'x', nodes: [{name: 'first', via: 'ssh' as const, host: '192.168.77.11'}]};
    expect(clusterOf([named, ...rest], {records, inventory}).members.map((m) => [m.name, m.lease?.subnet])).toEqual([
      ['first', '10.244.1.0/24'],
      ['n2', '10.244.2.0/24'],
      ['n3', '10.244.3.0/24'],
    ]);
    const kubernetes = recordsFor(dumps, {from: 'kubernetes'});
    expect(clusterOf([{...first!, node: 'host-1'}, ...rest], {records: kubernetes}).members.map((m) => [m.name, m.record?.name])).toEqual([
      ['host-1', 'n1'],
      ['n2', 'n2'],
      ['n3', 'n3'],
    ]);
  });
});

describe('the configuration', () => {
  const other = '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan","Port":4789}}';
  test('of the records wins over the inventory and the nodes, one given by hand over all', async () => {
    const edits: RecordEdits = {
      from: 'kubernetes',
      configMaps: {'kube-flannel-cfg': {data: {'net-conf.json': '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan","MTU":1400}}'}}},
    };
    const inventory = {source: 'x', nodes: [], netConf: JSON.parse(other) as unknown};
    expect((await beside(edits, {inventory})).settings).toMatchObject({port: 8472, mtu: 1400});
    const byHand = await beside(edits, {netConf: {Network: '10.244.0.0/16', Backend: {Type: 'vxlan', MTU: 1300}}});
    expect(byHand.settings).toMatchObject({mtu: 1300});
    expect(byHand.configuredFrom).toBeUndefined();
  });
  test('that cannot be read is a problem, and what the nodes have is taken', async () => {
    const cluster = await beside({from: 'etcd', keys: {config: '{"Network":'}});
    expect(cluster).toMatchObject({
      mode: {type: 'vxlan'},
      problems: [expect.stringMatching(/^\/coreos.com\/network\/config: net-conf.json is not JSON/) as string],
    });
    expect(cluster.configuredFrom).toBeUndefined();
  });
  test('that no node has taken up yet is said, with where it is from', async () => {
    const cluster = await beside({
      from: 'kubernetes',
      configMaps: {'kube-flannel-cfg': {data: {'net-conf.json': '{"Network":"10.244.0.0/16","Backend":{"Type":"host-gw"}}'}}},
    });
    expect(cluster).toMatchObject({
      configuredBy: 'derived',
      mode: {type: 'vxlan'},
      unrolled: {asked: 'host-gw', running: 'vxlan (VNI 1, UDP 8472)'},
    });
  });
});
