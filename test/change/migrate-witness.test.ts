import {describe, expect, test} from 'vitest';
import type {Target} from '../../src/core/change/plan.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {target} from './planned.js';
import {doctorOf, Rehearsal, rpFilter} from './rehearse.js';
import {allTables, leftovers} from './tables.js';
import {kernelDrops, noticed, witness} from './witness.js';

/**
 * Nobody notices: a witness of its own sends 1,000 datagrams a second and a TCP stream for every ordered pair of nodes while the cluster is
 * switched, there and back. migrate.test.ts does so through the commands themselves, dual-stack from a strict rp_filter; here are what they
 * have no words for and, with FLANCTL_TEST_LONG, every other combination.
 */
const long = process.env['FLANCTL_TEST_LONG'] !== undefined;
const hostGw = target({Type: 'host-gw'});
const vxlan = target({Type: 'vxlan', VNI: 1});
const direct = target({Type: 'vxlan', VNI: 1, DirectRouting: true});

/**
 * Pods whose MTU a tunnel does not carry get a smaller one just before the switch; full-sized packets that are under way then are answered
 * with ICMP and sent again (design/performance.md §5). That is the one counter that may rise, and only there.
 */
const shrinking = ['IpFragFails'] as const;

async function unnoticed(lab: Lab, to: Target, mode: string, podMtu: 'set' | 'keep' = 'set'): Promise<void> {
  await using change = await Rehearsal.open(lab, to, {podMtu});
  await using watch = await witness(lab);
  await change.run();
  await change.finish('done');
  const seen = await watch.stop();
  expect(noticed(seen)).toEqual([]);
  expect(Math.min(...seen.flows.map((f) => f.sent))).toBeGreaterThan(seen.seconds * 500);
  const shrinks = change.plan.stages.some((s) => s.phase === 'build' && s.title.startsWith('pod MTU'));
  expect(kernelDrops(seen, lab, shrinks ? shrinking : [])).toEqual({});
  // Pods that keep a smaller MTU than new ones will get are told of.
  expect((await doctorOf(lab)).filter((line) => podMtu === 'set' || !line.includes('has an MTU of 1450, new pods get 1500'))).toEqual([
    mode,
  ]);
  for (const {name} of lab.nodes) expect(await leftovers(lab, name)).toEqual([]);
}

const all = ([false, true] as const).flatMap((dualStack) => ([0, 1, 2] as const).map((filter) => ({dualStack, filter})));

describe.skipIf(!labsWork)('a switch that nobody notices', () => {
  const labs = testLabs();

  test.each(long ? all : [])(
    'vxlan to host-gw and back: %o',
    async ({dualStack, filter}) => {
      const lab = await labs.up({name: `w-hg-${dualStack ? 46 : 4}-${filter}`, dualStack});
      await rpFilter(lab, filter);
      await unnoticed(lab, hostGw, 'mode host-gw');
      await unnoticed(lab, vxlan, 'mode vxlan');
    },
    180_000,
  );

  test('vxlan to host-gw and back, pods keep their MTU: not even a counter moves', async () => {
    const lab = await labs.up({name: 'w-keep'});
    await rpFilter(lab, 1);
    await unnoticed(lab, hostGw, 'mode host-gw', 'keep');
    await unnoticed(lab, vxlan, 'mode vxlan', 'keep');
  }, 450_000);

  test.each(long ? all : [])(
    'vxlan to DirectRouting and back: %o',
    async ({dualStack, filter}) => {
      const lab = await labs.up({name: `w-dr-${dualStack ? 46 : 4}-${filter}`, dualStack});
      await rpFilter(lab, filter);
      await unnoticed(lab, direct, 'mode vxlan DirectRouting');
      await unnoticed(lab, vxlan, 'mode vxlan');
    },
    180_000,
  );

  const undone = [
    ['vxlan', 'host-gw', hostGw],
    ['host-gw', 'vxlan', vxlan],
  ] as const;
  test.each(long ? undone : undone.slice(0, 1))(
    '%s to %s, rolled back at every stage boundary: the tables as before, and nobody notices',
    async (from, _, to) => {
      const lab = await labs.up({name: `w-undo-${from === 'vxlan' ? 'v' : 'h'}`, backend: from, dualStack: true});
      await rpFilter(lab, 1);
      const before = await allTables(lab);
      await using change = await Rehearsal.open(lab, to);
      await using watch = await witness(lab);
      for (let until = 1; until <= change.plan.stages.length; until++) {
        await change.run(until, false);
        await change.undo(until);
        await change.finish('rolled-back');
        expect(await allTables(lab)).toEqual(before);
      }
      const seen = await watch.stop();
      expect(noticed(seen)).toEqual([]);
      // A device that goes as soon as it came takes its own first multicast reports along (7 of 60 on a machine without any traffic).
      expect(kernelDrops(seen, lab, [...shrinking, 'Ip6OutDiscards'])).toEqual({});
      for (const {name} of lab.nodes) expect(await leftovers(lab, name)).toEqual([]);
    },
    240_000,
  );
});
