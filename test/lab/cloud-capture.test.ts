import {describe, expect, test} from 'vitest';
import {factsOf, faultNamed, runSteps} from '../../src/edge/lab/break.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {flanctl} from './flanctl.js';
import {labsWork, testLabs} from './in-lab.js';

/** What the command prints of the one hop that no node sees. */
interface Crossing {
  readonly status: string;
  readonly seen?: string;
}

const labs = testLabs();

async function captured(lab: Lab): Promise<{readonly code: number | null; readonly crossings: readonly Crossing[]; readonly text: string}> {
  const ran = await flanctl(['trace', 'n1-p1', 'n2-p1', '--lab', lab.spec.name, '--capture', '-o', 'json', '--quiet']);
  type Step = {readonly crossing?: Crossing};
  const {directions} = JSON.parse(ran.stdout) as {
    readonly directions: readonly {readonly hops: readonly {readonly steps: readonly Step[]}[]}[];
  };
  const steps = directions.flatMap((d) => d.hops.flatMap((h) => h.steps));
  return {code: ran.code, crossings: steps.flatMap((s) => (s.crossing ? [s.crossing] : [])), text: ran.stdout};
}

describe.skipIf(!labsWork)("a packet through a cloud's network, without the cloud's data", () => {
  test.each(['tencent-vpc', 'tke-vpc-cni'])('%s: seen on both sides it is observed, and no doubt is left', async (backend) => {
    const lab = await labs.up({name: 'cloud-wire', backend, nodes: 2, pods: 1});
    const {code, crossings} = await captured(lab);
    expect(crossings).toMatchObject([
      {status: 'observed', seen: expect.stringMatching(/^seen on the wire: it left eth\d of n1 and came in at eth\d of n2$/)},
      {status: 'observed', seen: expect.stringMatching(/^seen on the wire: it left eth\d of n2 and came in at eth\d of n1$/)},
    ]);
    expect(code).toBe(0);
  });

  test('a row that the cloud lacks: it left and did not come, and the row is named', async () => {
    const lab = await labs.up({name: 'cloud-wire', backend: 'tencent-vpc', nodes: 2, pods: 1});
    await runSteps(lab, faultNamed('cloud-row-missing').inject(factsOf(lab)));
    const {code, crossings, text} = await captured(lab);
    expect(crossings[0]).toMatchObject({status: 'inferred', seen: expect.stringContaining('the network between lost it')});
    expect(text).toContain(`row ${lab.nodes[1]!.subnet} → 10.0.0.12 should have carried it`);
    expect(code).toBe(1);
  });
});
