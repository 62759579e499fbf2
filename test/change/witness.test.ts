import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {kernelDrops, lostIn, noticed, sentIn, witness} from './witness.js';

/** A witness that cannot see proves nothing: it must be quiet on a quiet cluster, and count what a bad change loses. */
describe.skipIf(!labsWork)('the witness of a change', () => {
  const labs = testLabs();

  test('sees nothing where nothing happens, in both families, and counts in full', async () => {
    const lab = await labs.up({name: 'wit-quiet', dualStack: true, pods: 1});
    await using watch = await witness(lab, {hosts: true});
    await sleep(3000);
    const seen = await watch.stop();
    expect(noticed(seen)).toEqual([]);
    expect(kernelDrops(seen, lab)).toEqual({});
    expect(seen.flows).toHaveLength(12);
    expect(seen.streams).toHaveLength(24);
    // Late is made up for, so the count is the rate's whatever the machine does meanwhile.
    expect(Math.min(...seen.flows.map((f) => f.sent))).toBeGreaterThan(2500);
    expect(Math.min(...seen.streams.map((s) => s.received))).toBeGreaterThan(10_000);
  });

  test('counts what is lost between a delete and an add, whole, and only for the pairs concerned', async () => {
    const lab = await labs.up({name: 'wit-gap', backend: 'host-gw', pods: 1});
    await using watch = await witness(lab);
    await sleep(500);
    const [n1, n2] = [lab.nodes[0]!, lab.nodes[1]!];
    const gap = `route=$(ip route show ${n2.subnet}); ip route del ${n2.subnet}; sleep 0.2; ip route add $route`;
    expect(await runIn(lab, n1.name, gap)).toMatchObject({code: 0, stderr: ''});
    await sleep(500);
    const seen = await watch.stop();
    // There: the router has no way back to pods and says so.
    const hurt = seen.flows.filter((f) => f.lost > 0);
    expect(hurt.map((f) => `${f.from} ${f.to}`)).toEqual(['n1-p1 n2-p1']);
    expect(hurt[0]!.lost).toBeGreaterThan(50);
    expect(hurt[0]!.sent - hurt[0]!.received).toBe(hurt[0]!.lost);
    expect(seen.streams.filter((s) => !s.intact || s.end !== 'whole')).toEqual([]);
  });

  test('counts what strict rp_filter drops, one for one with the kernel, and a stream that is cut', async () => {
    const lab = await labs.up({name: 'wit-rpf', pods: 1});
    // Arriving on flannel.1 while the way back leads over eth0.
    for (const {name} of lab.nodes) await runIn(lab, name, 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done');
    await using watch = await witness(lab);
    const [n1, n2] = [lab.nodes[0]!, lab.nodes[1]!];
    await sleep(300);
    await runIn(
      lab,
      n1.name,
      `ip route replace ${n2.subnet} via ${n2.ip} dev eth0; sleep 0.3; ip route replace ${n2.subnet} via ${n2.subnet.split('/')[0]} dev flannel.1 onlink`,
    );
    await runIn(lab, 'n3-p1', 'ss -K -t -4 dst 10.244.1.2 dport = 7007');
    await sleep(300);
    const seen = await watch.stop();
    expect(lostIn(seen)).toBeGreaterThan(100);
    const drops = kernelDrops(seen, lab);
    expect(drops['TcpExtIPReversePathFilter']).toBeGreaterThanOrEqual(lostIn(seen));
    expect(sentIn(seen)).toBeGreaterThan(lostIn(seen));
    expect(seen.streams.filter((s) => s.end !== 'whole').map((s) => `${s.from} ${s.to}`)).toEqual(['n3-p1 n1-p1']);
  });
});
