import {describe, expect, test} from 'vitest';
import type {Records} from '../../src/core/flannel/records.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {defaultSpec, type Lab, layOut} from '../../src/edge/lab/topology.js';
import {openTrace} from '../../src/edge/trace.js';
import {evidenceOf} from './confirm.js';
import {labsWork, testLabs} from './in-lab.js';

const labs = testLabs();

/** flannel's DaemonSet with an image of this release. */
const image = (release: string): Records => ({
  source: 'kubernetes',
  from: 'test',
  nodes: [],
  gaps: [],
  daemonSets: [
    {
      namespace: 'kube-flannel',
      name: 'kube-flannel-ds',
      container: 'kube-flannel',
      image: `ghcr.io/flannel-io/flannel:${release}`,
      args: [],
      env: {},
      nodeSelector: {},
    },
  ],
});

const commandOf = ({netConf}: Lab, name: string): string => (netConf['Backend'] as {readonly [name: string]: string})[name]!;

/** The words that flannel since v0.28.2 makes of a command: it puts its variables in and splits at blanks (model/flannel-backends.md §4.5). */
const splitUp = (command: string, given: {readonly [name: string]: string}): readonly string[] =>
  command
    .replaceAll(/\$\{?(\w+)\}?/g, (_, name: string) => given[name] ?? '')
    .split(/\s+/)
    .filter((word) => word !== '');

describe.skipIf(!labsWork)('commands of a lab of extension', () => {
  test('run with what flanneld gives them: variables, and what the peer published on standard input', async () => {
    const lab = await labs.up({name: 'test-ext', backend: 'extension', nodes: 2, pods: 1});
    const said = async (node: string, words: string) => (await runIn(lab, node, words)).stdout.trim();
    const own = await said('n2', 'cat /sys/class/net/ext0/address');
    expect(own).toMatch(/^[0-9a-f:]{17}$/);
    expect(await said('n1', 'ip neigh show dev ext0')).toBe(`10.244.2.0 lladdr ${own} PERMANENT`);
    expect(await said('n1', 'bridge fdb show dev ext0')).toContain(`${own} dst 192.168.77.12 self permanent`);
    expect(await said('n1', 'ip route show dev ext0')).toBe('10.244.2.0/24 via 10.244.2.0 onlink');
    // flannel reckons with no header; the pods' MTU is the CNI configuration's.
    expect(await said('n1', 'grep MTU /run/flannel/subnet.env')).toBe('FLANNEL_MTU=1500');
    expect(await said('n1-p1', 'cat /sys/class/net/eth0/mtu')).toBe('1450');
  });

  test('a release that splits them makes no device of what needs a shell: doctor names the commands, and the device that is not there', async () => {
    const lab = await labs.up({name: 'test-ext', backend: 'extension', nodes: 2, pods: 1});
    await runIn(lab, 'n2', 'ip link del ext0');
    const ran = await runIn(lab, 'n2', splitUp(commandOf(lab, 'PreStartupCommand'), {}));
    expect(ran.code).not.toBe(0);
    const evidence = await evidenceOf(lab);
    const findings = async (release: string) =>
      (await diagnose(evidence, {netConf: lab.netConf, records: image(release)}, rules)).findings.map((f) => f.rule);
    expect(await findings('v0.28.1')).toEqual(['extension-dev-missing']);
    expect(await findings('v0.28.2')).toEqual(['extension-command-split', 'extension-dev-missing']);
    const tracer = await openTrace(evidence, {netConf: lab.netConf});
    const {there} = await tracer.trace(tracer.endpoint('n1-p1'), tracer.endpoint('n2-p1'), {proto: 'icmp'});
    expect(there.verdict).toMatchObject({kind: 'broken', disposition: 'no-tunnel'});
  });

  test('those for plain routes need no shell, and every release makes the same of them', () => {
    const lab = layOut({...defaultSpec, backend: 'extension', directRouting: true}, '/nowhere');
    const given = {SUBNET: '10.244.2.0/24', PUBLIC_IP: '192.168.77.12'};
    expect(splitUp(commandOf(lab, 'SubnetAddCommand'), given)).toEqual(['ip', 'route', 'replace', '10.244.2.0/24', 'via', '192.168.77.12']);
  });

  test.each([
    [{dualStack: true}, /IPv4 subnet alone/],
    [{directRouting: true, underlay: 'routed'}, /cannot work across a router/],
  ] as const)('%j is refused', (wish, message) => {
    expect(() => layOut({...defaultSpec, backend: 'extension', ...wish}, '/nowhere')).toThrow(message);
  });
});
