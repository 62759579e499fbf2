import {describe, expect, test} from 'vitest';
import {type Batch, runBatches, undoBatches} from '../../src/core/change/batch.js';
import type {Operation} from '../../src/core/change/operation.js';
import {tookOf} from '../../src/core/change/operations/index.js';
import type {Plan, Stage} from '../../src/core/change/plan.js';
import {prove} from '../../src/core/change/proof.js';
import {stale} from '../../src/core/change/stale.js';
import {readNode} from '../../src/core/model/read-node.js';
import type {NodeState} from '../../src/core/node/state.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {dumpsOf} from './live.js';
import {differs, mustPlan, type Seen, see, target} from './planned.js';

/**
 * Plans on the real kernel: each stage's batches run on its nodes, in order, and nothing else. FLANCTL_TEST_LONG adds IPv4 alone, which
 * dual-stack holds already, and pings after every undo of every beginning: else each undo is pinged right after its own stage, and all of them
 * once on the way back from the last. That the states between are the same is what the tables say, which are compared for every beginning.
 */
const long = process.env['FLANCTL_TEST_LONG'] !== undefined;

const labs = testLabs();

async function runAll(lab: Lab, node: string, batches: readonly Batch[], force = false): Promise<void> {
  for (const {tool, lines} of batches) {
    const input = `${lines.join('\n')}\n`;
    const words = tool === 'sh' ? ['sh', ...(force ? [] : ['-e']), '-s'] : [tool, ...(force ? ['-force'] : []), '-batch', '-'];
    const ran = await runIn(lab, node, words, {input});
    if (ran.code !== 0 && !force) throw new Error(`${node}: ${words.join(' ')}: ${ran.stderr}\n${input}`);
  }
}

const runStage = (lab: Lab, stage: Stage): Promise<unknown> =>
  Promise.all(stage.work.map(({node, operations}) => runAll(lab, node, runBatches(operations))));

const doneOn = (plan: Plan, node: string): readonly Operation[] =>
  plan.stages.flatMap((s) => s.work.filter((w) => w.node === node).flatMap((w) => w.operations));

/** Every pair of pods, small and as large as the way takes; packets of pods that may send more are not asked for. */
async function expectPings(lab: Lab): Promise<void> {
  const {pairs} = await labPing(lab);
  expect(pairs.filter((p) => !p.small)).toEqual([]);
}

async function expectClean(lab: Lab): Promise<void> {
  const dumps = await dumpsOf(lab);
  const source = {
    async *nodes() {
      yield* dumps;
    },
  };
  const {findings, notEvaluated} = await diagnose(source, {}, rules);
  expect({findings, notEvaluated}).toEqual({findings: [], notEvaluated: []});
}

async function migrate(lab: Lab, to: ReturnType<typeof target>): Promise<{readonly plan: Plan; readonly seen: Seen}> {
  const seen = see(await dumpsOf(lab));
  const plan = mustPlan(seen, to, {podMtu: 'set'});
  expect(prove(plan, seen.cluster, seen.states)).toMatchObject({losses: [], unknown: [], broken: []});
  for (const stage of plan.stages) {
    await runStage(lab, stage);
    await expectPings(lab);
  }
  const dumps = await dumpsOf(lab);
  const states = dumps.map(readNode);
  expect(differs(seen, to, states)).toEqual([]);
  for (const state of states) {
    // What the last operation on each thing says is how it is.
    const kept = doneOn(plan, state.name).filter((op, i, all) => !all.slice(i + 1).some((later) => sameThing(op, later)));
    expect(kept.flatMap((op) => tookOf(op, state) ?? [])).toEqual([]);
  }
  await expectClean(lab);
  return {plan, seen};
}

function sameThing(a: Operation, b: Operation): boolean {
  if (b.on === 'link' && b.do === 'del')
    return JSON.stringify(a).includes(JSON.stringify(b.row.ifname)) || JSON.stringify(a).includes(`/${b.row.ifname}/`);
  if (a.on === 'sysctl') return b.on === 'sysctl' && b.key === a.key;
  return false;
}

/** A node's tables as far as they are somebody's doing: no learnt neighbours, no counters, no numbers of devices. */
async function tables(lab: Lab): Promise<unknown> {
  return (await dumpsOf(lab)).map(readNode).map((state: NodeState) => {
    const bare = (row: object): string => {
      const {origin: _, ifindex: __, operstate: ___, ...rest} = row as {[name: string]: unknown};
      return JSON.stringify(rest);
    };
    const {link, address, route, neigh, fdb, rule} = state.tables;
    return {
      node: state.name,
      link: link!.map(bare).sort(),
      address: address!.map(bare).sort(),
      route: route!.map(bare).sort(),
      neigh: neigh!
        .filter((n) => n.state.includes('PERMANENT'))
        .map(bare)
        .sort(),
      fdb: fdb!
        .filter((f) => f.dst !== undefined)
        .map(bare)
        .sort(),
      rule: rule!.map(bare).sort(),
      sysctl: [...state.sysctl!].filter(([key]) => !key.includes('conntrack_count')).sort(),
      env: state.subnetEnv,
      conf: state.netConf,
      pods: state.pods!.map((p) => p.tables.link!.map(bare)),
    };
  });
}

const strict = (lab: Lab): Promise<unknown> =>
  Promise.all(lab.nodes.map((n) => runIn(lab, n.name, 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done')));

const hostGw = target({Type: 'host-gw'});
const vxlan = target({Type: 'vxlan', VNI: 1});
const direct = target({Type: 'vxlan', VNI: 1, DirectRouting: true});

describe.skipIf(!labsWork)('a plan run on the kernel', () => {
  for (const dualStack of long ? [false, true] : [true])
    test(`vxlan, host-gw, vxlan of another number, DirectRouting and back, ${dualStack ? 'dual-stack' : 'IPv4'}, strict rp_filter`, async () => {
      const lab = await labs.up({name: dualStack ? 'mp-46' : 'mp-4', dualStack, nodes: 3, pods: 1});
      await strict(lab);
      for (const to of [hostGw, target({Type: 'vxlan', VNI: 5}), vxlan, direct, vxlan]) await migrate(lab, to);
    }, 600_000);

  test('over a router only peers on the same segment go direct', async () => {
    const lab = await labs.up({name: 'mp-r', dualStack: true, nodes: 4, pods: 1, underlay: 'routed'});
    const {plan} = await migrate(lab, direct);
    const replaced = plan.stages.filter((s) => s.phase === 'flip').flatMap((s) => s.work.flatMap((w) => w.operations));
    expect(replaced).toHaveLength(8);
    await migrate(lab, vxlan);
  }, 450_000);

  for (const [from, to] of [
    ['vxlan', hostGw],
    ['host-gw', vxlan],
  ] as const)
    test(`${from} to ${to.type} undone is as before, from every stage`, async () => {
      const lab = await labs.up({name: `mu-${to.type === 'vxlan' ? 'v' : 'h'}`, backend: from, dualStack: true, nodes: 3, pods: 1});
      await strict(lab);
      await labPing(lab);
      const before = await tables(lab);
      const seen = see(await dumpsOf(lab));
      const plan = mustPlan(seen, to, {podMtu: 'set'});
      expect(stale(plan, new Map(seen.states.map((s) => [s.name, s])))).toEqual([]);
      for (let reached = 1; reached <= plan.stages.length; reached++) {
        const done = plan.stages.slice(0, reached);
        for (const stage of done) await runStage(lab, stage);
        for (const stage of done.toReversed()) {
          await Promise.all(stage.work.map(({node, operations}) => runAll(lab, node, undoBatches(operations), true)));
          if (long || stage === done.at(-1) || reached === plan.stages.length) await expectPings(lab);
        }
        expect(await tables(lab)).toEqual(before);
      }
    }, 600_000);
});
