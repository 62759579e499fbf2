import {describe, expect, test} from 'vitest';
import {labDown} from '../../src/edge/lab/down.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing, type PingResult} from '../../src/edge/lab/ping.js';
import {labsWork, testLabs} from './in-lab.js';

const labs = testLabs();
const failing = (result: PingResult): string[] =>
  result.pairs
    .filter((p) => !p.small || !p.large)
    .map((p) => `${p.from}>${p.to} ${p.small ? 'large' : 'both'}`)
    .sort();

describe.skipIf(!labsWork)('every pair answers', () => {
  test.each([
    {name: 'lp1', backend: 'vxlan', dualStack: false, pairs: 36},
    {name: 'lp2', backend: 'vxlan', dualStack: true, pairs: 72},
    {name: 'lp3', backend: 'vxlan', dualStack: true, underlay: 'routed', directRouting: true, pairs: 72},
    {name: 'lp4', backend: 'vxlan', dualStack: false, underlay: 'routed', pairs: 36},
    {name: 'lp5', backend: 'host-gw', dualStack: false, pairs: 36},
    {name: 'lp6', backend: 'host-gw', dualStack: true, mtu: 9000, pairs: 72},
  ] as const)('$name: $backend dual-stack $dualStack', async ({pairs, ...spec}) => {
    const lab = await labs.up(spec);
    const result = await labPing(lab, {nodes: true});
    expect(failing(result)).toEqual([]);
    expect(result.ok).toBe(true);
    expect(result.pairs.filter((pair) => pair.from.includes('-p'))).toHaveLength(pairs);
    await labDown(spec.name);
  });
});

describe.skipIf(!labsWork)('what is broken shows, and only that', () => {
  test('a missing FDB row cuts both directions of its pair of nodes', async () => {
    const lab = await labs.up({name: 'lpb', pods: 1});
    expect(
      (await runIn(lab, 'n1', ['bridge', 'fdb', 'del', lab.nodes[1]!.vtepMac!, 'dev', 'flannel.1', 'dst', lab.nodes[1]!.ip])).code,
    ).toBe(0);
    const result = await labPing(lab);
    expect(result.ok).toBe(false);
    expect(failing(result)).toEqual(['n1-p1>n2-p1 both', 'n2-p1>n1-p1 both']);
  });

  test('a pod with too large an MTU loses large packets only, and is well again at once when it is set right', async () => {
    const lab = await labs.up({name: 'lpm', pods: 1, nodes: 2});
    const setMtu = async (mtu: number) => {
      expect((await runIn(lab, 'n1-p1', ['ip', 'link', 'set', 'eth0', 'mtu', String(mtu)])).code).toBe(0);
      expect((await runIn(lab, 'n1', ['ip', 'link', 'set', lab.nodes[0]!.pods[0]!.veth, 'mtu', String(mtu)])).code).toBe(0);
    };
    await setMtu(1500);
    // The way out takes 1500 bytes; the tunnel does not.
    expect(failing(await labPing(lab))).toEqual(['n1-p1>n2-p1 large']);
    await setMtu(1450);
    expect(failing(await labPing(lab))).toEqual([]);
  });

  test('an underlay that takes less than the tunnel needs loses large packets only, and what was learnt of it is forgotten', async () => {
    const lab = await labs.up({name: 'lpu', pods: 1, nodes: 2, backend: 'host-gw'});
    const setMtu = async (mtu: number) => expect((await runIn(lab, 'n1', ['ip', 'link', 'set', 'eth0', 'mtu', String(mtu)])).code).toBe(0);
    await setMtu(1400);
    const broken = await labPing(lab);
    expect(failing(broken)).toContain('n1-p1>n2-p1 large');
    expect(broken.pairs.every((pair) => pair.small)).toBe(true);
    await setMtu(1500);
    // Taking the MTU down and up keeps host-gw's routes: the link stayed up.
    expect(failing(await labPing(lab))).toEqual([]);
  });

  test('without masquerade the outside does not answer', async () => {
    const lab = await labs.up({name: 'lpo', pods: 1, nodes: 2});
    expect((await runIn(lab, 'n1', ['iptables', '-t', 'nat', '-F', 'FLANNEL-POSTRTG'])).code).toBe(0);
    expect(failing(await labPing(lab))).toEqual(['n1-p1>outside both']);
  });

  test('a pod that cannot be asked is an error, not a silence', async () => {
    const lab = await labs.up({name: 'lpx', pods: 1, nodes: 2});
    expect((await runIn(lab, 'n1-p1', ['ip', 'link', 'set', 'eth0', 'name', 'eth9', 'down'])).code).toBe(0);
    await expect(labPing(lab)).rejects.toThrow(/cannot ping from n1-p1/);
  });
});
