import {describe, expect, test} from 'vitest';
import {holderOf} from '../../src/core/cloud/choose.js';
import {admission} from '../../src/core/cloud/groups.js';
import {documentsIn, readCloud} from '../../src/core/cloud/read.js';
import {factsOf, faultNamed, runSteps} from '../../src/edge/lab/break.js';
import {exportsOf} from '../../src/edge/lab/cloud/exports/index.js';
import {fabricOf} from '../../src/edge/lab/cloud/fabric.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {defaultSpec, layOut} from '../../src/edge/lab/topology.js';
import {flanctl} from './flanctl.js';
import {labsWork, testLabs} from './in-lab.js';

test.each(['tencent-vpc', 'tke-global-router', 'tke-vpc-cni', 'aws-vpc-cni', 'terway'])(
  '%s: its groups are read whole, and let in the VPC and pods to every interface, and nobody else',
  (backend) => {
    const lab = layOut({...defaultSpec, backend, nodes: 2}, '/x');
    const {enis, groups} = exportsOf(lab, fabricOf(lab));
    const cloud = readCloud({enis: [{from: 'enis', data: enis}], groups: documentsIn(groups, {from: 'groups'})});
    expect(cloud.problems).toEqual([]);
    expect(cloud.groups).toHaveLength(2);
    const asked = (to: string, src: string) => admission(cloud, holderOf(cloud, to)!, {src, proto: 'icmp'})?.verdict;
    for (const {ip} of [...lab.nodes, lab.cloud!.vm]) {
      expect([asked(ip, lab.cloud!.vm.ip), asked(ip, lab.nodes[1]!.pods[0]!.ip)]).toEqual(['accepted', 'accepted']);
      expect(asked(ip, '203.0.113.1')).toBe('denied');
    }
  },
);

const labs = testLabs();

describe.skipIf(!labsWork)('a security group that lacks the pods', () => {
  test('is found where groups are given; trace ends the packet there, as packets do; the printed row lets them in', async () => {
    const lab = await labs.up({name: 'cloud-groups', backend: 'tke-global-router', nodes: 2, pods: 1});
    const {vm, routesFile, enisFile, groupsFile} = lab.cloud!;
    await runSteps(lab, faultNamed('vm-group-lacks-pods').inject(factsOf(lab)));
    const answered = async (from: string, to: string) => (await runIn(lab, from, ['ping', '-n', '-c', '1', '-W', '1', to])).code === 0;
    const pod = lab.nodes[0]!.pods[0]!.ip;
    const pings = async () => Promise.all([answered('n1-p1', vm.ip), answered('n1', vm.ip), answered('vm', pod)]);
    // What it sent itself is answered, and nodes it knows.
    expect(await pings()).toEqual([false, true, true]);

    const rows = ['--lab', 'cloud-groups', '--cloud-routes', routesFile, '--cloud-enis', enisFile];
    const [doctor, silent, trace, inferred] = await Promise.all([
      flanctl(['doctor', ...rows, '--cloud-groups', groupsFile, '-o', 'json', '--quiet']),
      flanctl(['doctor', ...rows, '--quiet']),
      flanctl(['trace', 'n1-p1', vm.ip, ...rows, '--cloud-groups', groupsFile, '-o', 'json', '--quiet']),
      flanctl(['trace', 'n1-p1', vm.ip, '--lab', 'cloud-groups', '--quiet']),
    ]);
    type Report = {
      readonly findings: readonly {
        readonly rule: string;
        readonly severity: string;
        readonly remedy: {readonly commands?: readonly string[]};
      }[];
    };
    const {findings} = JSON.parse(doctor.stdout) as Report;
    expect(findings.map((f) => [f.rule, f.severity])).toEqual([['vm-sg-lacks-pod-range', 'warning']]);
    expect({code: silent.code, said: silent.stdout.includes('vm-sg-lacks-pod-range')}).toEqual({code: 0, said: false});
    expect(trace.code).toBe(1);
    expect(trace.stdout).toContain('"filtered"');
    expect(trace.stdout).toMatch(/the security group sg-[0-9a-f]{8} of eni-[0-9a-f]{8} drops it/);
    expect(inferred.code).toBe(3);
    expect(inferred.stdout).toContain('inferred');

    const range = /\\"CidrBlock\\":\\"([^"\\]+)\\"/.exec(doctor.stdout)?.[1];
    expect(range).toBeDefined();
    await runSteps(lab, [{cloud: (now) => ({...now, groups: now.groups.map((g) => ({...g, from: [...g.from, range!]}))})}]);
    expect(await pings()).toEqual([true, true, true]);
  });
});
