import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, test} from 'vitest';
import type {Held} from '../../src/core/change/migration.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {target} from './planned.js';
import {Rehearsal, rpFilter} from './rehearse.js';
import {noticed, witness} from './witness.js';

/**
 * Long TCP connections from a node's own network to pods of others: from the tunnel's address over vxlan, from the card's with host-gw. What
 * would cut them (design/performance.md §5) is the last step of each direction; held back, they live on.
 */
/**
 * flannel masquerades what does not come from a pod. With host-gw that is the node's own traffic, and a masqueraded connection is bound to
 * its interface: the flip itself resets it, whatever is held back (flannel-backends.md §9.5). Without ipMasq the way back decides.
 */
async function withoutMasquerade(lab: Lab): Promise<void> {
  for (const {name} of lab.nodes) expect(await runIn(lab, name, 'iptables -t nat -F FLANNEL-POSTRTG')).toMatchObject({code: 0});
}

describe.skipIf(!labsWork)('connections of the nodes themselves to pods', () => {
  const labs = testLabs();

  const ways = [
    ['vxlan', target({Type: 'host-gw'}), 'device'],
    ['host-gw', target({Type: 'vxlan', VNI: 1}), 'strict'],
  ] as const;
  test.each(ways)(
    'from %s: with the last step held back they live, and the step is what would have cut them',
    async (from, to, step) => {
      const lab = await labs.up({name: `host-${step}`, backend: from, pods: 1});
      await rpFilter(lab, 1);
      if (step === 'strict') await withoutMasquerade(lab);
      const held = lab.nodes.map(({name}): Held => ({node: name, step, why: 'a node is connected to pods'}));
      {
        await using change = await Rehearsal.open(lab, to, {podMtu: 'keep', held});
        expect(
          new Set(
            change.plan.left.filter((l) => l.why.startsWith('a node is connected to pods; when they are closed: ')).map((l) => l.node),
          ),
        ).toEqual(new Set(lab.nodes.map((n) => n.name)));
        await using watch = await witness(lab, {segment: 1200, hosts: true});
        await change.run();
        await change.finish('done');
        await sleep(1500);
        const seen = await watch.stop();
        expect(seen.streams.filter((s) => !s.from.includes('-p'))).toHaveLength(6);
        expect(noticed(seen)).toEqual([]);
      }
    },
    180_000,
  );

  // That these steps are what cuts them: with `npm run test:long`.
  test.each(process.env['FLANCTL_TEST_LONG'] ? ways : [])(
    'from %s: without that they are cut, and only they',
    async (from, to, step) => {
      const lab = await labs.up({name: `cut-${step}`, backend: from, pods: 1});
      await rpFilter(lab, 1);
      if (step === 'strict') await withoutMasquerade(lab);
      await using change = await Rehearsal.open(lab, to, {podMtu: 'keep'});
      await using watch = await witness(lab, {segment: 1200, hosts: true});
      await change.run();
      await change.finish('done');
      await sleep(1500);
      const seen = await watch.stop();
      const cut = seen.streams.filter((s) => s.end !== 'whole' || s.received < s.sent);
      expect(cut.map((s) => s.from.includes('-p'))).toEqual(Array.from({length: 6}, () => false));
      expect(seen.flows.filter((f) => f.lost + f.reordered + f.duplicated > 0)).toEqual([]);
    },
    180_000,
  );

  test('from host-gw with flannel masquerading: reset by the flip, whatever is held back; no pod notices', async () => {
    const lab = await labs.up({name: 'masq', backend: 'host-gw', pods: 1});
    const held = lab.nodes.map(({name}): Held => ({node: name, step: 'strict', why: 'a node is connected to pods'}));
    await using change = await Rehearsal.open(lab, target({Type: 'vxlan', VNI: 1}), {podMtu: 'keep', held});
    await using watch = await witness(lab, {segment: 1200, hosts: true});
    await change.run();
    await change.finish('done');
    await sleep(1500);
    const seen = await watch.stop();
    const own = seen.streams.filter((s) => !s.from.includes('-p'));
    expect(own.map((s) => s.end)).toEqual(own.map(() => 'Connection reset by peer'));
    expect(noticed({...seen, streams: seen.streams.filter((s) => !own.includes(s))})).toEqual([]);
  }, 450_000);
});
