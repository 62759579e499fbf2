import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, test} from 'vitest';
import {type Batch, runBatches} from '../../src/core/change/batch.js';
import type {Plan, Stage} from '../../src/core/change/plan.js';
import {prove} from '../../src/core/change/proof.js';
import {readNode} from '../../src/core/model/read-node.js';
import {handshakes, inClear} from '../../src/edge/change/preflight/encrypted.js';
import {openRunners} from '../../src/edge/change/runners.js';
import {type ChangeStage, stagesOf, undoOrder} from '../../src/edge/change/stages.js';
import {gather} from '../../src/edge/gather/gather.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {privateKeyOf, publicKeyOf} from '../../src/edge/lab/identity.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {difference, tablesOf} from '../change/kernel-node.js';
import {addressesOf, transportOf} from '../change/live.js';
import {mustPlan, type Seen, seen as seeStates, target} from '../change/planned.js';
import {testLabs} from '../lab/in-lab.js';
import {long} from '../lab/shares.js';
import {Echoes} from './echoes.js';
import {root} from './root.js';

const PATIENCE_MS = 120_000;
const counted = {timeout: 600_000};

/** What a plan changes. */
const changed = [
  'host',
  'ip-link',
  'ip-addr',
  'ip-route-all',
  'ip-6-route-all',
  'ip-neigh',
  'ip-6-neigh',
  'bridge-fdb',
  'sysctl',
  'subnet.env',
  'wg-show',
  'ip-xfrm-policy',
];

async function see(lab: Lab): Promise<Seen> {
  const states = [];
  for await (const dump of gather(addressesOf(lab), {transport: transportOf(lab), timeoutMs: PATIENCE_MS})) states.push(readNode(dump));
  return seeStates(states, {netConf: lab.netConf});
}

/**
 * The tables of every node, in which it must be as before; but for tunl0, which the kernel makes with its module and keeps, and redirects, which
 * WireGuard turns off when its first device goes up (drivers/net/wireguard/device.c, wg_open).
 */
async function tables(lab: Lab): Promise<readonly (readonly string[])[]> {
  const found = [];
  const options = {transport: transportOf(lab), only: changed, pods: 'none' as const, timeoutMs: PATIENCE_MS};
  for await (const dump of gather(addressesOf(lab), options))
    found.push(tablesOf(readNode(dump)).filter((line) => !line.includes('tunl0') && !line.startsWith('net/ipv4/conf/all/send_redirects')));
  return found;
}

/** All batches of a node as one script: on a machine that is emulated each program takes long. */
const script = (batches: readonly Batch[], force: boolean): string =>
  batches
    .map(({tool, lines}) =>
      tool === 'sh' ? lines.map((l) => `(${l})`).join('\n') : `${tool} ${force ? '-force ' : ''}-batch - <<'EOF'\n${lines.join('\n')}\nEOF`,
    )
    .join('\n');

/** flanneld's part too, which is no batch of the plan's. */
async function play(lab: Lab, {work}: Stage): Promise<void> {
  for (const {node, operations} of work) {
    const {code, stderr} = await runIn(lab, node, `set -e\n${script(runBatches(operations), false)}`);
    expect({node, code, stderr}).toMatchObject({code: 0});
  }
}

/** As a rollback does it, with what it does besides: a handshake before a route leads to a device that was away. */
async function playBack(lab: Lab, {work}: ChangeStage): Promise<void> {
  for (const {node, undo} of work) await runIn(lab, node, script(undo, true));
}

/**
 * The first packets of a pair find neighbours and keys; from then on none may be lost. Two ends of WireGuard that begin at once wait five
 * seconds for each other, and on a slow machine they do.
 */
async function begin(lab: Lab): Promise<Echoes> {
  const silent = async () => (await labPing(lab)).pairs.filter((p) => !p.small);
  for (let left = 5; left > 0 && (await silent()).length > 0; left--) await sleep(2000);
  expect(await silent()).toEqual([]);
  return Echoes.start(lab);
}

async function expectNoneLost(echoes: Echoes): Promise<void> {
  const {seconds, sent, lost, missed, counted} = await echoes.stop();
  if (long) process.stdout.write(`${sent} echoes in ${seconds} seconds, ${lost} lost, ${missed.length} times some missed by the witness\n`);
  if (lost !== 0) throw new Error(`${JSON.stringify({seconds, sent, lost, missed, counted}, undefined, 1)}\n${await echoes.drops()}`);
  expect(sent).toBeGreaterThan(200);
}

const labs = testLabs();

/** The plans of every backend on a kernel that has them, while somebody counts. */
describe.skipIf(!root)('a plan, stage by stage', () => {
  const planned = (seen: Seen, type: string): Plan => {
    const plan = mustPlan(seen, target({Type: type}), {podMtu: 'keep'});
    const {losses, unknown, broken} = prove(plan, seen.cluster, seen.states);
    expect({losses, unknown, broken}).toEqual({losses: [], unknown: [], broken: []});
    return plan;
  };
  /** From where to where, and how many stages that is. */
  const daily = [
    ['wireguard', 'vxlan', 4],
    ['ipsec', 'host-gw', 4],
  ] as const;
  const more = [
    ['vxlan', 'ipip', 4],
    ['ipip', 'vxlan', 4],
    ['host-gw', 'ipip', 3],
    ['ipip', 'host-gw', 3],
    ['wireguard', 'host-gw', 3],
    ['wireguard', 'ipip', 4],
    ['ipsec', 'vxlan', 4],
    ['ipsec', 'ipip', 4],
  ] as const;
  /** In the long run undone from every stage, each a case; else from the last. */
  const ways = [...daily, ...(long ? more : [])]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .flatMap(([from, to, all]) =>
      Array.from({length: all}, (_, i) => [from, to, i + 1, all] as const).filter(([, , until]) => long || until === all),
    );

  /** What the last plan led back to, as it was: the next one of the same backend begins there. */
  let standing: {readonly from: string; readonly lab: Lab; readonly seen: Seen} | undefined;
  async function stand(from: string): Promise<NonNullable<typeof standing>> {
    const was = standing;
    standing = undefined;
    if (was?.from === from) return was;
    const lab = await labs.up({name: `vp-${from}`, backend: from, nodes: 2, pods: 1});
    return {from, lab, seen: await see(lab)};
  }

  test.each(ways)(
    'from %s to %s, undone after stage %i of %i: the tables as before, and none lost',
    counted,
    async (from, to, until, all) => {
      const stood = await stand(from);
      const {lab, seen} = stood;
      const plan = planned(seen, to);
      expect(plan.stages.map((s) => s.title)).toHaveLength(all);
      await using echoes = await begin(lab);
      const before = await tables(lab);
      await thereAndBack(lab, plan, until, echoes);
      const again = await tables(lab);
      expect(again.map((now, i) => difference(before[i]!, now))).toEqual(again.map(() => []));
      await expectNoneLost(echoes);
      standing = stood;
    },
  );
});

/** The first stages of a plan, and their undo; `made` when flanneld's part has been done, which goes last as with its restart. */
async function thereAndBack(lab: Lab, plan: Plan, until: number, echoes: Echoes, made?: () => Promise<void>): Promise<void> {
  const undone = stagesOf({...plan, stages: plan.stages.map(({by: _, ...stage}) => stage)});
  const done = plan.stages.slice(0, until);
  for (const stage of done) {
    echoes.mark(stage.title);
    await play(lab, stage);
    if (stage.by === 'flanneld') await made?.();
  }
  for (const {stage} of undoOrder(done.map((s, stage) => ({stage, phase: s.phase})))) {
    echoes.mark(`the undo of ${done[stage]!.title}`);
    await playBack(lab, undone[stage]!);
  }
}

/** Towards WireGuard, where flanneld makes the device: its part is played with keys as it would make them. */
describe.skipIf(!root)('a plan to WireGuard, stage by stage', () => {
  /** What of a packet between pods is seen on the wire before. */
  const clear = {vxlan: /8472/, 'host-gw': /10\.244\.\d+\.2 > 10\.244\.\d+\.2/, ipip: /10\.244\.\d+\.2 > 10\.244\.\d+\.2/} as const;
  const froms = long ? (['vxlan', 'host-gw', 'ipip'] as const) : (['vxlan'] as const);

  /** A lab, and the plan from there with keys in it that its nodes have. */
  async function standAt(from: string) {
    const lab = await labs.up({name: `vp-${from}`, backend: from, nodes: 2, pods: 1});
    const seen = await see(lab);
    const plan = mustPlan(seen, target({Type: 'wireguard'}), {podMtu: 'keep', control: {by: 'systemd', netConf: lab.netConf}});
    const {losses, unknown, broken} = prove(plan, seen.cluster, seen.states);
    expect({losses, unknown, broken}).toEqual({losses: [], unknown: [], broken: []});
    const keys = new Map(lab.nodes.map(({name}) => [name, privateKeyOf(lab.spec.name, name)]));
    for (const {name} of lab.nodes) await runIn(lab, name, ['sh', '-c', 'umask 077; cat >/run/flannel/wgkey'], {input: keys.get(name)!});
    let text = JSON.stringify(plan.stages);
    for (const [i, {name}] of seen.cluster.members.entries())
      text = text.replaceAll(`${`flanctl${i}`.padEnd(42, 'x')}A=`, publicKeyOf(keys.get(name)!));
    return {lab, seen, plan: {...plan, stages: JSON.parse(text) as Plan['stages']}};
  }

  test.each(froms)(
    'from %s: handshakes before any route moves, none lost, and nothing in clear at the end, which it was before',
    counted,
    async (from) => {
      const {lab, seen, plan} = await standAt(from);
      await using runners = openRunners(addressesOf(lab), transportOf(lab));
      const migrating = {plan, cluster: seen.cluster, runners, signal: new AbortController().signal};
      const send = () => labPing(lab);
      const {because} = await inClear(migrating, send);
      expect(because.map((line) => /^n[12]: a packet from pod to pod is in clear on eth0: /.test(line) && clear[from].test(line))).toEqual([
        true,
        true,
      ]);

      await using echoes = await begin(lab);
      for (const stage of plan.stages) {
        echoes.mark(stage.title);
        await play(lab, stage);
        if (stage.by === 'flanneld') expect(await handshakes(migrating)).toEqual({ok: true, because: []});
      }
      // The watch is no part of the plan: starting it takes the one processor away for as long as some packets wait.
      await expectNoneLost(echoes);
      expect(await inClear(migrating, send)).toEqual({ok: true, because: []});
    },
  );

  if (!long) return;
  /** How many stages it is. */
  const steps = {vxlan: 4, 'host-gw': 3, ipip: 4} as const;
  let standing: (Awaited<ReturnType<typeof standAt>> & {readonly from: string}) | undefined;
  test.each(froms.flatMap((from) => Array.from({length: steps[from]}, (_, i) => [from, i + 1, steps[from]] as const)))(
    'from %s, undone after stage %i of %i: the tables as before, and none lost',
    counted,
    async (from, until, all) => {
      const stood = standing?.from === from ? standing : {from, ...(await standAt(from))};
      standing = undefined;
      const {lab, seen, plan} = stood;
      expect(plan.stages.map((s) => s.title)).toHaveLength(all);
      await using runners = openRunners(addressesOf(lab), transportOf(lab));
      const migrating = {plan, cluster: seen.cluster, runners, signal: new AbortController().signal};
      await using echoes = await begin(lab);
      const before = await tables(lab);
      await thereAndBack(lab, plan, until, echoes, async () => expect(await handshakes(migrating)).toEqual({ok: true, because: []}));
      const again = await tables(lab);
      expect(again.map((now, i) => difference(before[i]!, now))).toEqual(again.map(() => []));
      await expectNoneLost(echoes);
      standing = stood;
    },
  );
});
