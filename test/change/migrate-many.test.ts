import {describe, expect, test} from 'vitest';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {addRoutes, deleteAndAdd, withRoutes} from './many-routes.js';
import {target} from './planned.js';
import {Rehearsal, rpFilter} from './rehearse.js';
import {kernelDrops, lostIn, noticed, sentIn, witness} from './witness.js';

/** The table of a large cluster, 5,000 datagrams a second for each ordered pair, strict rp_filter: the switch, and what the witness sees of a bad one. */
const PEERS = 1000;

describe.skipIf(!labsWork)(`with routes to ${PEERS} peers on each node`, () => {
  const labs = testLabs();

  const ways = [
    ['vxlan', target({Type: 'host-gw'})],
    ['host-gw', target({Type: 'vxlan', VNI: 1})],
  ] as const;
  test.each(process.env['FLANCTL_TEST_LONG'] ? ways : ways.slice(0, 1))(
    'from %s: nothing lost, no counter of the kernel moves; deleting and adding loses packets',
    async (from, to) => {
      // Pods keep their MTU and TCP sends what fits a tunnel: what the counters say is about routes alone.
      const lab = await labs.up({name: `many-${from === 'vxlan' ? 'v' : 'h'}`, backend: from, pods: 1});
      await rpFilter(lab, 1);
      await addRoutes(lab, from, PEERS - 2);
      {
        await using change = await Rehearsal.open(lab, to, {podMtu: 'keep'}, (plan) => withRoutes(plan, from, PEERS - 2));
        const flips = change.plan.stages.filter((s) => s.phase === 'flip').flatMap((s) => s.work.map((w) => w.operations.length));
        expect(flips).toEqual([PEERS, PEERS, PEERS]);
        await using watch = await witness(lab, {rate: 5000, segment: 1200});
        await change.run();
        await change.finish('done');
        const seen = await watch.stop();
        expect(noticed(seen)).toEqual([]);
        expect(kernelDrops(seen, lab)).toEqual({});
        // A busy machine sends later, and then more at once; half is the least that still says something.
        expect(sentIn(seen)).toBeGreaterThan(6 * 2500 * seen.seconds);
      }
      await using watch = await witness(lab, {rate: 5000, segment: 1200});
      for (let i = 0; i < 3; i++) await deleteAndAdd(lab, 'n2');
      const seen = await watch.stop();
      expect(lostIn(seen)).toBeGreaterThan(0);
      // To n2 as well: what comes in from where no route leads back is dropped.
      expect(seen.flows.filter((f) => f.lost > 0 && f.from !== 'n2-p1' && f.to !== 'n2-p1')).toEqual([]);
    },
    180_000,
  );
});
