import {isDeepStrictEqual} from 'node:util';
import {describe, expect, test} from 'vitest';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {TraceReport} from '../../src/edge/reporters/documents.js';
import type {Wish} from '../../src/edge/trace.js';
import {captureMatrix} from '../lab/capture-matrix.js';
import {confirm, evidenceOf} from '../lab/confirm.js';
import {flanctl} from '../lab/flanctl.js';
import {testLabs} from '../lab/in-lab.js';
import {own} from '../lab/own-faults.js';
import {long} from '../lab/shares.js';
import {root} from './root.js';

const small = {nodes: 2, pods: 1};
const clusters = [
  {...small, name: 'vm-cap-ipip', backend: 'ipip', dualStack: false},
  {...small, name: 'vm-cap-wg', backend: 'wireguard', dualStack: true},
  {...small, name: 'vm-cap-esp', backend: 'ipsec', dualStack: false},
] as const;

/** What came of a trace with captures: where a packet that arrived was not seen, in words. */
async function captured(lab: Lab, wish: Wish, evidence: Awaited<ReturnType<typeof evidenceOf>>) {
  const {probe, exit} = await confirm(lab, 'n1-p1', 'n2-p1', wish, evidence, true);
  const {agrees, gaps, packets} = probe!;
  const unseen = packets
    .filter((p) => p.there.measured === 'arrives')
    .flatMap(({name, seen}) =>
      seen
        .filter((s) => s.seen !== true)
        .map((s) => `${name} ${s.direction} ${s.pod ?? s.node} ${s.dev} ${s.way}${s.tunnelled ? ' in the tunnel' : ''}`),
    );
  return {exit, agrees, gaps, tunnelled: packets[0]!.seen.filter((s) => s.tunnelled).length, unseen};
}

/** `trace --capture` where the packets on the wire are a tunnel's: known again inside IPIP, and by their size where they are encrypted. */
describe.skipIf(!root)('captures of tunnels', () => {
  const labs = testLabs();

  test.each(clusters.filter(({backend}) => long || backend === 'wireguard'))(
    '$backend: a packet is seen at every device that the trace names, both ways',
    async (spec) => {
      const lab = await labs.up(spec);
      const evidence = await evidenceOf(lab, 120_000);
      const asked = [
        ...(spec.dualStack ? ([4, 6] as const) : ([4] as const)).map((family) => ({proto: 'icmp', family}) as const),
        ...(long ? (['udp', 'tcp'] as const).map((proto) => ({proto, family: 4}) as const) : []),
      ];
      // The first packets bring WireGuard's keys and the neighbours.
      await labPing(lab);
      const good = {exit: 0, agrees: true, gaps: [], tunnelled: 4, unseen: []};
      for (const wish of asked) {
        const got = await captured(lab, wish, evidence);
        // A machine that is emulated on a busy one may take longer than a packet is waited for.
        const again = isDeepStrictEqual(got, good) ? got : await captured(lab, wish, evidence);
        expect(again, `${wish.proto} IPv${wish.family}, first ${JSON.stringify(got)}`).toEqual(good);
      }
    },
  );

  // The command itself takes long to start where the machine is emulated.
  if (long)
    test.each(clusters)('$backend: with the command', async (spec) => {
      const lab = await labs.up(spec);
      const ran = await flanctl(['trace', 'n1-p1', 'n2-p1', '--lab', lab.spec.name, '--capture', '-o', 'json', '--quiet']);
      const {probe} = JSON.parse(ran.stdout) as TraceReport;
      expect([ran.code, probe?.agrees, probe?.gaps]).toEqual([0, true, []]);
    });
});

if (long)
  describe.skipIf(!root).each(clusters)('lost packets of a cluster of $backend', (spec) => {
    captureMatrix({...spec, name: spec.name.replace('cap', 'lost')}, own(spec));
  });
