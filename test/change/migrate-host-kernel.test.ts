import {describe, expect, test} from 'vitest';
import type {Plan, Target} from '../../src/core/change/plan.js';
import type {Lab, LabSpec} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {target} from './planned.js';
import {doctorOf, Rehearsal, rpFilter} from './rehearse.js';
import {allTables, leftovers} from './tables.js';
import {kernelDrops, noticed, witness} from './witness.js';

/**
 * Changes of backend that this kernel has all devices for, in small labs, each turned back and then run to its end while every pair sends 1,000
 * datagrams a second and a TCP stream. FLANCTL_TEST_LONG has three nodes, turns back from every stage, from each rp_filter, and runs the ways
 * that are parts of others too (migrate.test.ts has vxlan and host-gw every day).
 */
const long = process.env['FLANCTL_TEST_LONG'] !== undefined;
// udp's relay would lose packets to whatever else this machine does.
process.env['FLANCTL_LAB_RELAY_NICE'] = '-20';

/** Datagrams a second for each ordered pair of nodes and family. */
const rate = 1000;

interface Way {
  readonly from: Partial<LabSpec> & Pick<LabSpec, 'backend'>;
  readonly to: Target;
  readonly doctor: string;
  /** Nodes have streams to pods of others, from the tunnel's own address: the new tunnel has it too, and they live. */
  readonly hosts?: true;
}

const vxlan = target({Type: 'vxlan', VNI: 1});
const hostGw = target({Type: 'host-gw'});
const number = target({Type: 'vxlan', VNI: 5});
const port = target({Type: 'vxlan', VNI: 1, Port: 4789});
const both = target({Type: 'vxlan', VNI: 7, Port: 4789});
const direct = target({Type: 'vxlan', VNI: 1, Port: 4789, DirectRouting: true});

const daily: {readonly [name: string]: Way} = {
  'udp to vxlan': {from: {backend: 'udp'}, to: vxlan, doctor: 'mode vxlan'},
  'udp to host-gw': {from: {backend: 'udp'}, to: hostGw, doctor: 'mode host-gw'},
  'another port of the same VNI': {from: {backend: 'vxlan', dualStack: true}, to: port, doctor: 'mode vxlan', hosts: true},
};
const rest: {readonly [name: string]: Way} = {
  'another VNI': {from: {backend: 'vxlan', dualStack: true}, to: number, doctor: 'mode vxlan', hosts: true},
  'another VNI and port': {from: {backend: 'vxlan', dualStack: true}, to: both, doctor: 'mode vxlan'},
  'another port and DirectRouting': {from: {backend: 'vxlan', dualStack: true}, to: direct, doctor: 'mode vxlan DirectRouting'},
  'another port from DirectRouting': {from: {backend: 'vxlan', directRouting: true}, to: port, doctor: 'mode vxlan'},
  'vxlan to host-gw': {from: {backend: 'vxlan'}, to: hostGw, doctor: 'mode host-gw'},
  'host-gw to vxlan': {from: {backend: 'host-gw'}, to: vxlan, doctor: 'mode vxlan'},
};
const ways = Object.entries(long ? {...daily, ...rest} : daily);
const filters = long ? ([0, 1, 2] as const) : ([1] as const);

/** After how many stages it is turned back: from the middle of the swap or of the flips. */
function turns({stages}: Plan): readonly number[] {
  const all = stages.map((_, i) => i + 1);
  const middle = Math.max(
    stages.findLastIndex((s) => s.phase === 'swap' && s.title.includes('flip')),
    stages.findIndex((s) => s.phase === 'flip'),
  );
  return long ? all : [middle + 1];
}

/** Counters that rise without a pod's packet being lost: full-sized ones sent again after ICMP, and a new device's own first reports. */
const harmless = ['IpFragFails', 'Ip6OutDiscards'] as const;

async function expectUnnoticed(lab: Lab, way: Way, watched: () => Promise<void>): Promise<void> {
  const hosts = way.hosts === true;
  await using watch = await witness(lab, {rate, hosts});
  await watched();
  const seen = await watch.stop();
  expect(seen.streams.filter((s) => !s.from.includes('-p')).length > 0).toBe(hosts);
  // What waits in udp's process is overtaken by what goes through the kernel.
  const flows = way.from.backend === 'udp' ? seen.flows.map((f) => ({...f, reordered: 0})) : seen.flows;
  expect(noticed({...seen, flows})).toEqual([]);
  expect(Math.min(...seen.flows.map((f) => f.sent))).toBeGreaterThan((seen.seconds * rate) / 2);
  expect(kernelDrops(seen, lab, harmless)).toEqual({});
}

describe.skipIf(!labsWork)('a change of backend on this kernel', () => {
  const labs = testLabs();

  for (const [number, [name, way]] of ways.entries())
    test.each(filters)(
      `${name}, turned back and then run to its end: nobody notices; rp_filter %i`,
      async (filter) => {
        const {from, to, doctor} = way;
        const lab = await labs.up({name: `hk-${number}-${filter}`, nodes: long ? 3 : 2, pods: 1, ...from});
        await rpFilter(lab, filter);
        const before = await allTables(lab);
        await using change = await Rehearsal.open(lab, to);
        await expectUnnoticed(lab, way, async () => {
          for (const until of turns(change.plan)) {
            await change.run(until, false);
            await change.undo(until);
            await change.finish('rolled-back');
            expect(await allTables(lab)).toEqual(before);
          }
          await change.run();
          await change.finish('done');
        });
        expect((await doctorOf(lab)).filter((line) => !line.includes('flannel0'))).toEqual([doctor]);
        for (const {name: node} of lab.nodes) expect(await leftovers(lab, node)).toEqual([]);
      },
      long ? 600_000 : 240_000,
    );
});
