import {describe, expect, test} from 'vitest';
import {type ProbeEnd, probeEnd, probePairs} from '../../src/core/change/probe-ends.js';
import {mesh, worse} from '../../src/edge/change/mesh.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {TransportError} from '../../src/edge/transports/transport.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {connect, viewsOf} from './live.js';

describe('who probes whom', () => {
  const ends = (n: number): ProbeEnd[] =>
    Array.from({length: n}, (_, i) => ({node: `n${i}`, pod: 'p', addresses: [{family: 4, address: `10.0.${i}.2`}], mtu: 1450}));

  test.each([1, 2, 3, 7, 40])('%i nodes: every ordered pair, none with itself', (n) => {
    const {pairs, left} = probePairs(ends(n));
    expect(new Set(pairs.map((p) => `${p.from.node} ${p.to.node}`)).size).toBe(n * (n - 1));
    expect(pairs.filter((p) => p.from === p.to)).toEqual([]);
    expect(left).toBe(0);
  });

  test.each([
    [40, 16],
    [100, 7],
    [18, 16],
  ])('%i nodes, at most %i peers: each sends to as many as it hears from, all different, and the rest is counted', (n, most) => {
    const {pairs, left} = probePairs(ends(n), most);
    for (const side of ['from', 'to'] as const)
      for (const end of ends(n)) expect(pairs.filter((p) => p[side].node === end.node)).toHaveLength(most);
    expect(new Set(pairs.map((p) => `${p.from.node} ${p.to.node}`)).size).toBe(n * most);
    expect(pairs.filter((p) => p.from === p.to)).toEqual([]);
    expect(left).toBe(n * (n - 1 - most));
  });

  test('a family that one end lacks makes no pair', () => {
    const [a, b] = ends(2);
    const both = {...a!, addresses: [...a!.addresses, {family: 6 as const, address: 'fd00::2'}]};
    expect(probePairs([both, b!]).pairs.map((p) => p.family)).toEqual([4, 4]);
  });
});

describe.skipIf(!labsWork)('the mesh', () => {
  const labs = testLabs();
  const signal = AbortSignal.timeout(120_000);

  test.each([
    ['in its namespaces', false],
    ['over SSH', true],
  ])('%s: names exactly the pairs that a fault takes, and what is worse than before', async (_, ssh) => {
    const lab = await labs.up({name: ssh ? 'mesh-ssh' : 'mesh-ns', dualStack: true, ssh});
    await using runners = await connect(lab);
    const ends = (await viewsOf(lab)).map((view) => probeEnd(view)!);
    expect(ends.map((e) => [e.node, e.pod, e.mtu])).toEqual(lab.nodes.map((n) => [n.name, `${n.name}-p1`, 1450]));
    // flanneld gives pods the MTU of the IPv4 tunnel; IPv6's is 20 bytes less.
    const size = ({family}: {family: 4 | 6}) => (family === 4 ? 1450 : 1430);
    const before = await mesh(runners, ends, {signal, size});
    expect(before.pairs.filter((p) => p.small !== true || p.large !== true)).toEqual([]);
    expect(before.pairs).toHaveLength(12);
    expect(worse(before, before)).toEqual([]);

    // n1 to n3: IPv4 gone, and an echo needs both ways. n2 to n3: only what is small; the answers may be fragmented, so not n3 to n2.
    expect(await runIn(lab, 'n1', 'ip route del 10.244.3.0/24; ip route add unreachable 10.244.3.0/24')).toMatchObject({code: 0});
    expect(await runIn(lab, 'n2', 'ip route replace 10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink mtu lock 1000')).toMatchObject({
      code: 0,
    });
    const after = await mesh(runners, ends, {signal, size});
    expect(worse(before, after).toSorted()).toEqual([
      // The kernel limits how often it says why.
      expect.stringMatching(/^n1 → n3 IPv4: no answer( \(From 10\.244\.1\.1 icmp_seq=\d Destination Host Unreachable\))?$/),
      expect.stringMatching(/^n2 → n3 IPv4: only small packets get through/),
      'n3 → n1 IPv4: no answer',
    ]);
    const touched = await mesh(runners, ends, {signal, size, touching: ['n1']});
    expect(new Set(touched.pairs.map((p) => `${p.from} ${p.to}`))).toEqual(new Set(['n1 n2', 'n1 n3', 'n2 n1', 'n3 n1']));
    // What was broken before is nobody's fault now.
    expect(worse(after, after)).toEqual([]);
  });

  test('a node without pods speaks from its bridge; a pod that is gone and a node that is lost are said, not counted as broken or whole', async () => {
    const lab = await labs.up({name: 'mesh-gone', backend: 'host-gw', pods: 1});
    await using runners = await connect(lab);
    const views = await viewsOf(lab);
    const ends = views.map((view) => probeEnd(view.name === 'n2' ? {...view, state: {...view.state, pods: []}} : view)!);
    expect(ends.map((e) => e.pod)).toEqual(['n1-p1', undefined, 'n3-p1']);
    const before = await mesh(runners, ends, {signal});
    expect(before.pairs.filter((p) => p.small !== true || p.large !== true)).toEqual([]);

    expect(await runIn(lab, 'n1-p1', 'ip addr flush dev eth0')).toMatchObject({code: 0});
    const lost = new Map(runners);
    lost.set('n3', {
      ...runners.get('n3')!,
      run: async () => {
        throw new TransportError({kind: 'connect', message: 'n3: no route to host'});
      },
    });
    const now = await mesh(lost, ends, {signal});
    expect(worse(before, now).toSorted()).toEqual([
      'n1 → n2 IPv4: could not be tried (the probes on n1 ended early: the pod with 10.244.1.2 is gone)',
      'n1 → n3 IPv4: could not be tried (the probes on n1 ended early: the pod with 10.244.1.2 is gone)',
      expect.stringMatching(/^n2 → n1 IPv4: no answer/),
      'n3 → n1 IPv4: could not be tried (n3: no route to host)',
      'n3 → n2 IPv4: could not be tried (n3: no route to host)',
    ]);
  });
});
