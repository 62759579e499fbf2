import {describe, expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {Flannelds} from './flanneld.js';
import {target} from './planned.js';
import {doctorOf, Rehearsal, rpFilter} from './rehearse.js';
import {lostIn, noticed, witness} from './witness.js';

/** With flanneld running, as far as it matters: what it re-adds, what it deletes and adds anew when it starts. */
const hostGw = target({Type: 'host-gw'});
const vxlan = target({Type: 'vxlan', VNI: 1});

const routesOf = async (lab: Lab): Promise<string> =>
  (await Promise.all(lab.nodes.map(({name}) => runIn(lab, name, 'ip route show root 10.244.0.0/16; ip -6 route show root fd44::/56'))))
    .map((r) => r.stdout)
    .join('');

describe.skipIf(!labsWork)('with flanneld running', () => {
  const labs = testLabs();

  test('the stand-in is one that would be noticed: a plain restart with another type deletes and adds, and loses packets', async () => {
    const lab = await labs.up({name: 'fd-plain', pods: 1});
    await rpFilter(lab, 1);
    await using flannelds = await Flannelds.start(lab);
    const before = await routesOf(lab);
    await using watch = await witness(lab);
    for (const {name} of lab.nodes) {
      expect(await runIn(lab, name, `sed -i 's/"Type": *"vxlan"/"Type": "host-gw"/' /etc/kube-flannel/net-conf.json`)).toMatchObject({
        code: 0,
      });
      await flannelds.restart(name);
    }
    await flannelds.settle();
    expect(await routesOf(lab)).not.toBe(before);
    expect(await flannelds.log('n3')).toContain('ip route add 10.244.1.0/24 via 192.168.77.11 dev eth0');
    expect(lostIn(await watch.stop())).toBeGreaterThan(0);
    // And it puts back what somebody takes away.
    expect(await runIn(lab, 'n1', 'ip route del 10.244.2.0/24')).toMatchObject({code: 0});
    await flannelds.settle();
    expect(await flannelds.log('n1')).toContain('the check added 10.244.2.0/24');
  }, 300_000);

  test('vxlan to host-gw and back, dual-stack: flipped under it, then restarted node by node; it finds what it wants, and nobody notices', async () => {
    const lab = await labs.up({name: 'fd-flip', dualStack: true, pods: 1});
    await rpFilter(lab, 1);
    await using flannelds = await Flannelds.start(lab);
    for (const [to, mode] of [
      [hostGw, 'mode host-gw'],
      [vxlan, 'mode vxlan'],
    ] as const) {
      // The device stays while a flanneld of the old type may look at it: it goes, with strict rp_filter coming back, once all run the new one.
      await using change = await Rehearsal.open(lab, to);
      await using watch = await witness(lab);
      const control = change.plan.stages.findIndex((s) => s.phase === 'control');
      const file = change.plan.stages[control]!.work[0]!.operations.map((op) => (op.on === 'file' ? op.path : ''));
      expect(file).toContain('/etc/kube-flannel/net-conf.json');
      await change.run(change.plan.stages.length, true, async (stage) => {
        if (stage !== control) return;
        await flannelds.settle();
        for (const {name} of lab.nodes) {
          await flannelds.restart(name);
          // It found all it wants: no route was deleted or added.
          expect((await flannelds.log(name)).filter((line) => /route (del|add)|link (del|add)/.test(line))).toEqual([]);
        }
        await flannelds.settle();
      });
      await change.finish('done');
      await flannelds.settle();
      const seen = await watch.stop();
      expect(noticed(seen)).toEqual([]);
      expect(await doctorOf(lab)).toEqual([mode]);
      for (const {name} of lab.nodes)
        expect((await flannelds.log(name)).filter((line) => /route (del|add)|link (del|add)|check added/.test(line))).toEqual([]);
    }
  }, 450_000);
});
