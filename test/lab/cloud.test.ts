import {readFile} from 'node:fs/promises';
import {describe, expect, test} from 'vitest';
import type {Given} from '../../src/core/model/cluster.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {factsOf, faultNamed, runSteps} from '../../src/edge/lab/break.js';
import {fabricOf} from '../../src/edge/lab/cloud/fabric.js';
import {vethOf} from '../../src/edge/lab/cloud/ids.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import {defaultSpec, type Lab, type LabSpec, layOut} from '../../src/edge/lab/topology.js';
import {openTrace} from '../../src/edge/trace.js';
import {evidenceOf} from './confirm.js';
import {givenOf} from './given.js';
import {labsWork, testLabs} from './in-lab.js';

const read = async <T>(file: string): Promise<T> => JSON.parse(await readFile(file, 'utf8')) as T;

test("a pod's veth is named as the seed's is", () => {
  expect(vethOf('eni', 'default', 'network-tool-549c7756bd-6tfkf')).toBe('eni8ba8b48a483');
});

test.each([
  [{backend: 'tencent-vpc', dualStack: true}, /cloud has no IPv6/],
  [{backend: 'terway', nodes: 21}, /room for 20 nodes/],
  [{backend: 'tke-vpc-cni', nodes: 20, pods: 10}, /room for 150 pods, not 200/],
  [{backend: 'tke-global-router', pods: 62}, /length 26 has no room for 62 pods/],
  [{backend: 'aws-vpc-cni', exclusive: 1}, /setting of tke-vpc-cni/],
  [{backend: 'tke-vpc-cni', pods: 2, exclusive: 2, bridged: 1}, /of 2 pods a node, 2 cannot/],
  [{unchecked: ['all']}, /only a cloud checks/],
  [{backend: 'terway', unchecked: ['eth1', 'eth7']}, /no network interface of the lab is called "eth7"/],
] as const)('refuses %j', (wish, message) => {
  expect(() => layOut({...defaultSpec, ...wish}, '/x')).toThrow(message);
});

test('no two machines of a full VPC have one address', () => {
  const lab = layOut({...defaultSpec, backend: 'tke-vpc-cni', nodes: 20, pods: 7, exclusive: 2, underlay: 'routed'}, '/x');
  const addresses = fabricOf(lab).enis.flatMap((eni) => eni.addresses);
  expect(addresses.length).toBe(20 * 2 + 20 * 7 + 1);
  expect(new Set(addresses).size).toBe(addresses.length);
});

const labs = testLabs();

const kinds: readonly (readonly [string, Partial<LabSpec>])[] = [
  ['tencent-vpc', {}],
  ['tencent-vpc', {underlay: 'routed', nodes: 3, pods: 1}],
  ['alloc', {pods: 1}],
  ['tke-global-router', {}],
  ['tke-vpc-cni', {}],
  ['tke-vpc-cni', {pods: 4, exclusive: 1, bridged: 1}],
  ['aws-vpc-cni', {}],
  ['terway', {}],
];

describe.skipIf(!labsWork)('a lab in a cloud', () => {
  const up = (backend: string, wish: Partial<LabSpec> = {}): Promise<Lab> =>
    labs.up({name: 'test-cloud', backend, nodes: 2, pods: 2, ...wish});
  const ping = async (lab: Lab, from: string, words: string) => (await runIn(lab, from, `ping -n -c 1 -W 1 ${words}`)).stdout;

  test.each(kinds)('%s %j: every pod, the VM and the outside answer each other', async (backend, wish) => {
    const lab = await up(backend, wish);
    const {pairs} = await labPing(lab);
    expect(pairs.filter((p) => !p.small || !p.large)).toEqual([]);
    const machines = lab.nodes.flatMap((n) => n.pods).length + 1;
    expect(pairs.length).toBe(machines * machines);
    // What the cloud would say of it is what its fabric does.
    const routes = await readFile(lab.cloud!.routesFile, 'utf8');
    const enis = await readFile(lab.cloud!.enisFile, 'utf8');
    for (const node of lab.nodes) {
      if (node.pods.some((pod) => pod.attachment === 'bridge')) expect(routes).toContain(`"${node.subnet}"`);
      for (const pod of node.pods) if (pod.attachment !== 'bridge') expect(enis).toContain(`"${pod.ip}"`);
    }
  });

  test('the router ages packets once; the fabric answers for others with one hardware address', async () => {
    const lab = await up('tke-vpc-cni');
    const [n1, n2] = lab.nodes;
    expect(await ping(lab, 'n1-p1', n1!.pods[1]!.ip)).toContain('ttl=63');
    expect(await ping(lab, 'n1-p1', n2!.pods[0]!.ip)).toContain('ttl=61');
    await ping(lab, 'n1', n2!.pods[0]!.ip);
    expect((await runIn(lab, 'n1', `ip neigh show ${n2!.pods[0]!.ip}`)).stdout).toContain('dev eth0 lladdr fe:ee:01:02:03:04');
  });

  test('alloc without what the cloud says: doctor has nothing to say of its rows, and trace infers what they must be', async () => {
    const lab = await up('alloc', {pods: 1});
    await runSteps(lab, faultNamed('cloud-row-missing').inject(factsOf(lab)));
    const evidence = await evidenceOf(lab);
    const judge = async (given: Given) => {
      const tracer = await openTrace(evidence, given);
      const {there} = await tracer.trace(tracer.endpoint('n1-p1'), tracer.endpoint('n2-p1'), {proto: 'icmp'});
      return {findings: (await diagnose(evidence, given, rules)).findings.map((f) => f.rule), verdict: there.verdict};
    };
    expect(await judge({netConf: lab.netConf})).toEqual({findings: [], verdict: {kind: 'reachable', certainty: 'inferred'}});
    expect(await judge(await givenOf(lab))).toMatchObject({findings: ['cloud-route-missing'], verdict: {kind: 'broken'}});
  });

  test('an interface sends what is its own; else nobody hears of it', async () => {
    const lab = await up('tke-vpc-cni');
    const [n1, n2] = lab.nodes;
    await runIn(lab, 'n1', `ip rule del from ${n1!.pods[0]!.ip}`);
    expect(await ping(lab, 'n1-p1', n2!.pods[0]!.ip)).toContain('100% packet loss');
    expect(await ping(lab, 'n1-p2', n2!.pods[0]!.ip)).toContain('ttl=61');
  });

  test('an interface that is not checked sends with any address, and AWS prints which', async () => {
    const lab = await up('aws-vpc-cni', {unchecked: ['n1']});
    const [n1, n2] = lab.nodes;
    for (const node of [n1!, n2!]) await runIn(lab, node.name, `ip rule del from ${node.pods[1]!.ip}`);
    expect(await ping(lab, 'n1-p2', n2!.pods[0]!.ip)).toContain('ttl=61');
    expect(await ping(lab, 'n2-p2', n1!.pods[0]!.ip)).toContain('100% packet loss');
    type Enis = {readonly NetworkInterfaces: readonly {readonly NetworkInterfaceId: string; readonly SourceDestCheck: boolean}[]};
    const {NetworkInterfaces: enis} = await read<Enis>(lab.cloud!.enisFile);
    expect(enis.filter((e) => !e.SourceDestCheck).map((e) => e.NetworkInterfaceId)).toEqual([n1!.enis![0]!.id]);
  });

  test('a change of the cloud changes its fabric and what it exports, until it is taken back', async () => {
    const lab = await up('tencent-vpc', {pods: 1});
    const [n1, n2] = lab.nodes;
    const target = n2!.pods[0]!.ip;
    type Tables = {readonly RouteTableSet: readonly {readonly RouteSet: readonly {readonly DestinationCidrBlock: string}[]}[]};
    const rows = async () =>
      (await read<Tables>(lab.cloud!.routesFile)).RouteTableSet.flatMap((t) => t.RouteSet.map((r) => r.DestinationCidrBlock));
    expect(await rows()).toContain(n2!.subnet);
    await runSteps(lab, [{cloud: (now) => ({...now, rows: now.rows.filter((row) => row.dst !== n2!.subnet)})}]);
    expect(await rows()).not.toContain(n2!.subnet);
    expect(await rows()).toContain(n1!.subnet);
    expect(await ping(lab, 'n1-p1', target)).toMatch(/From 10\.0\.0\.1 .* Net Unreachable/);
    await runSteps(lab, [{cloud: () => fabricOf(lab)}]);
    expect(await rows()).toContain(n2!.subnet);
    expect(await ping(lab, 'n1-p1', target)).toContain('ttl=61');
  });
});
