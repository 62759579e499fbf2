import {describe, expect, test} from 'vitest';
import type {Cloud, CloudEni} from '../../src/core/cloud/cloud.js';
import type {Given} from '../../src/core/model/cluster.js';
import {allPairsReport, traceAllPairs} from '../../src/edge/all-pairs.js';
import {allPairs} from '../../src/edge/reporters/table/all-pairs.js';
import {dumpOf, policyNodes, type Sections} from './fabric-nodes.js';

const eni = (id: string, instanceId: string, mac: string, ...addresses: readonly string[]): CloudEni => ({
  ...{provider: 'tencent', id, instanceId, mac, subnetId: 'subnet-1', vpcId: 'vpc-1', prefixes: [], raw: {}},
  addresses: addresses.map((address, i) => ({address, primary: i === 0})),
});
const cloud: Cloud = {
  enis: [
    eni('eni-a0', 'ins-a', '52:54:00:6a:d6:a9', '10.0.0.49'),
    eni('eni-a1', 'ins-a', '20:90:6f:cd:76:76', '10.0.0.52', '10.0.0.41', '10.0.0.44'),
    eni('eni-b0', 'ins-b', '52:54:00:00:00:22', '10.0.0.22'),
    eni('eni-b1', 'ins-b', '20:90:6f:00:00:23', '10.0.0.23', '10.0.0.30', '10.0.0.35'),
    eni('eni-vm', 'ins-vm', '52:54:00:00:00:60', '10.0.0.60'),
  ],
  sources: {enis: {from: 'enis.json'}},
  problems: [],
};

async function matrix(nodes: Readonly<Record<string, Sections>>, given: Given = {}) {
  const dumps = Object.entries(nodes).map(([name, sections]) => dumpOf(name, sections));
  const evidence = {
    async *nodes() {
      yield* dumps;
    },
  };
  const matrices = await traceAllPairs(evidence, given, undefined);
  return {...allPairsReport(matrices, false), names: matrices[0]?.nodes};
}

describe('every pair where pods have addresses of network interfaces', () => {
  test('with the interfaces of the cloud it is whole, the machine that is no node among the ends', async () => {
    const {exit, families, names} = await matrix(policyNodes, {cloud});
    expect(names).toEqual(['pod1', 'pod4', '10.0.0.60']);
    expect(families).toHaveLength(1);
    // What the checks of sources are, Tencent does not print: nothing here breaks by them.
    expect(families[0]).toMatchObject({
      nodes: 3,
      ends: 'pods and machines',
      pairs: 6,
      counts: {reachable: 6, inferred: 0, broken: 0, unknown: 0},
      reasons: [],
    });
    expect(exit).toBe(0);
    expect(allPairs({families, exit}, {level: 0, width: 80})).toContain('✔ all 6 pairs of 3 pods and machines reach each other, IPv4');
  });
  test('where nobody asked the cloud, each pair between nodes is inferred', async () => {
    const {exit, families} = await matrix(policyNodes);
    expect(families[0]).toMatchObject({nodes: 2, ends: 'pods', pairs: 2, counts: {reachable: 0, inferred: 2, broken: 0, unknown: 0}});
    expect(exit).toBe(3);
  });
  test('a pod without its route is broken from everywhere, and is one reason', async () => {
    const text = policyNodes['VM-0-22']!['ip-route-all']!.replace(/^10\.0\.0\.30 .*\n/m, '');
    expect(text).not.toContain('10.0.0.30 dev');
    const {exit, families} = await matrix({...policyNodes, 'VM-0-22': {...policyNodes['VM-0-22'], 'ip-route-all': text}}, {cloud});
    expect(families[0]!.counts).toMatchObject({broken: 4, reachable: 2});
    expect(families[0]!.reasons.every((r) => r.verdict === 'broken')).toBe(true);
    expect(families[0]!.matrix!.find((r) => r.from === 'pod1')!.to).toContainEqual({node: 'pod4', mark: 'broken'});
    expect(exit).toBe(1);
  });
});
