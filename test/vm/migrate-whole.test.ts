import {mkdtempSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, describe, expect, test} from 'vitest';
import {readNode} from '../../src/core/model/read-node.js';
import {liveAgents} from '../../src/edge/change/live-agents.js';
import {migrate} from '../../src/edge/change/migrate.js';
import {knownChanges, newestUndoable, remember} from '../../src/edge/change/rollback.js';
import {undoReviewed} from '../../src/edge/change/undoing.js';
import {openEvidence} from '../../src/edge/evidence.js';
import {gather} from '../../src/edge/gather/gather.js';
import {backendOf} from '../../src/edge/lab/backends/index.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangeReport} from '../../src/edge/reporters/documents.js';
import {Flannelds} from '../change/flanneld.js';
import {difference, tablesOf} from '../change/kernel-node.js';
import {addressesOf, transportOf} from '../change/live.js';
import {testLabs} from '../lab/in-lab.js';
import {Echoes} from './echoes.js';
import {root} from './root.js';

/**
 * Seconds between two echoes, and those of the ledger's two flows: with the answers 200 packets a second between the two nodes, beside which
 * an emulated processor still has time for the change.
 */
const INTERVAL = 0.02;
const LEDGER_INTERVAL = 0.04;
const counted = {timeout: 900_000};

/** What a change changes. */
const changed = [
  'host',
  'ip-link',
  'ip-addr',
  'ip-route-all',
  'ip-neigh',
  'bridge-fdb',
  'sysctl',
  'subnet.env',
  'wg-show',
  'ip-xfrm-policy',
];

/**
 * The tables of every node, in which it must be as before; but for what the kernel does by itself and keeps: tunl0, which comes with its
 * module, and redirects, which WireGuard turns off for all devices when one of its own first goes up (drivers/net/wireguard/device.c, wg_open).
 */
async function tables(lab: Lab): Promise<readonly (readonly string[])[]> {
  const found = [];
  const options = {transport: transportOf(lab), only: changed, pods: 'none' as const, timeoutMs: 120_000};
  for await (const dump of gather(addressesOf(lab), options))
    found.push(tablesOf(readNode(dump)).filter((line) => !line.includes('tunl0') && !line.startsWith('net/ipv4/conf/all/send_redirects')));
  return found;
}

/** The first packets of a pair find neighbours and keys, and two ends of WireGuard that begin at once wait for each other. */
async function begin(lab: Lab): Promise<Echoes> {
  const look = async () => (await labPing(lab)).pairs.filter((p) => !p.small);
  let silent = await look();
  for (let left = 5; left > 0 && silent.length > 0; left--) {
    await sleep(2000);
    silent = await look();
  }
  expect(silent).toEqual([]);
  return Echoes.start(lab, INTERVAL);
}

/** By the witness's own numbers: the change sends echoes too, so that the pods' kernels count more than its. */
async function expectNoneMissed(echoes: Echoes): Promise<void> {
  const {seconds, sent, missed} = await echoes.stop();
  process.stdout.write(`${sent} echoes in ${seconds} seconds, ${missed.length} times some missed\n`);
  if (missed.length > 0) throw new Error(`${missed.join('\n')}\n${await echoes.drops()}`);
  expect(sent).toBeGreaterThan(200);
}

/** A node has a /run of its own, which would hide a lab's folder there; flanneld's script has to be seen from it. */
const place = process.env['TMPDIR'];
process.env['TMPDIR'] = '/tmp';
const labs = testLabs();
const folder = mkdtempSync('/tmp/flanctl-state-');
if (place !== undefined) process.env['TMPDIR'] = place;

/**
 * Whole changes with their gates, journals and timers, by what the commands call, since to start one takes long where the machine is emulated;
 * with a flanneld on every node that is a unit and makes its own devices (flanneld.sh). Each takes minutes there, so all are of the long run.
 */
describe.skipIf(!root)('flanctl migrate', () => {
  process.env['XDG_STATE_HOME'] = join(folder, 'state');
  afterAll(() => rmSync(folder, {recursive: true, force: true}));
  /** What flanctl said of the change that runs or was the last; `interrupt`: a line at which ^C is pressed. */
  let said: string[] = [];
  let current: Echoes | undefined;
  const began = Date.now();
  const operatorOf = (interrupt?: string) => {
    const ended = new AbortController();
    said = [];
    return {
      quiet: true,
      signal: ended.signal,
      notice: (line: string) => {
        said.push(`${((Date.now() - began) / 1000).toFixed(1)} ${line}`);
        current?.mark(line);
        if (line === interrupt) ended.abort();
      },
      parting: () => undefined,
    };
  };
  const sourceOf = (lab: Lab) => ({
    lab: lab.spec.name,
    pods: 'all' as const,
    timeout: 120,
    concurrency: 4,
    'ssh-host-keys': 'strict' as const,
  });

  async function switched(lab: Lab, type: string, interrupt?: string): Promise<ChangeReport> {
    const operator = operatorOf(interrupt);
    const evidence = await openEvidence(sourceOf(lab), operator);
    const wish = {canary: 1, batch: 5, podMtu: 'set', controller: 'systemd'} as const;
    const options = {dryRun: false, ttl: 300, probeInterval: LEDGER_INTERVAL, yes: 1, forceUnlock: false, accepted: []};
    const done = await migrate(evidence, {type, directRouting: false}, {...wish, ...options, ...operator});
    if (done.kind !== 'ChangeReport') throw new Error(done.kind);
    return done.report;
  }

  async function rolledBack(lab: Lab): Promise<ChangeReport> {
    const operator = operatorOf();
    await using live = await liveAgents(sourceOf(lab), operator);
    const remembered = await remember(live.agents);
    const changes = knownChanges(remembered);
    const change = newestUndoable(changes)!;
    return undoReviewed(change.id, change, remembered, {...live, ttl: 300, ...operator});
  }

  /** A lab with a flanneld on every node. */
  async function withFlanneld(backend: string): Promise<{readonly lab: Lab; readonly flannelds: Flannelds}> {
    const lab = await labs.up({name: `vw-${backend}`, backend, nodes: 2, pods: 1});
    const associations = backendOf(backend).ipLines;
    for (const node of lab.nodes)
      if (associations) await runIn(lab, node.name, ['tee', '/run/associations'], {input: `${associations(lab, node).join('\n')}\n`});
    const flannelds = await Flannelds.start(lab, 2, 'FLANNELD_PAUSE=10');
    await flannelds.asUnits();
    return {lab, flannelds};
  }

  const restarts = ['flanneld of n1 is restarted', 'flanneld of n2 is restarted'];
  const flips = ['flip 1/2: n1', 'flip 2/2: n2'];
  const cleanUp = 'clean up the old path';
  /** From where to where, and what the stages of that are. */
  const ways: readonly (readonly [from: string, to: string, stages: readonly string[]])[] = [
    ['vxlan', 'wireguard', [...restarts, 'pod MTU 1420', ...flips, cleanUp]],
    ['host-gw', 'wireguard', [...restarts, 'pod MTU 1420', ...flips]],
    ['wireguard', 'vxlan', ['build the vxlan path', ...flips, ...restarts, 'pod MTU 1450']],
    ['wireguard', 'host-gw', [...flips, ...restarts, 'pod MTU 1500']],
    ['vxlan', 'ipip', ['build the ipip path', ...flips, ...restarts, 'pod MTU 1480', cleanUp]],
    ['ipip', 'vxlan', ['build the vxlan path', 'pod MTU 1450', ...flips, ...restarts, cleanUp]],
    [
      'ipsec',
      'vxlan',
      ['build the vxlan path', ...flips, 'charon would agree on keys again, on the way back', ...restarts, 'pod MTU 1450', cleanUp],
    ],
  ];

  test.each(ways)('from %s to %s with flanneld, and rolled back: unnoticed', counted, async (from, to, stages) => {
    const {lab, flannelds} = await withFlanneld(from);
    await using _ = flannelds;
    await using echoes = await begin(lab);
    current = echoes;
    const before = await tables(lab);
    const there = await switched(lab, to);
    expect(there, [...said, ...there.because].join('\n')).toMatchObject({outcome: 'done', left: []});
    expect(there.stages.map((s) => s.title)).toEqual(stages);
    expect(there.ledger).toMatchObject({notMeasured: [], total: {lost: 0}});
    const back = await rolledBack(lab);
    expect(back, said.join('\n')).toMatchObject({outcome: 'done', left: []});
    const again = await tables(lab);
    expect(again.map((now, i) => difference(before[i]!, now))).toEqual(again.map(() => []));
    await expectNoneMissed(echoes);
  });

  /** Somebody presses ^C while a stage runs: it is finished, and all is undone. */
  test.each(ways.flatMap(([from, to, stages]) => stages.map((title) => [from, to, title] as const)))(
    'from %s to %s, and interrupted at "%s": rolled back, unnoticed',
    counted,
    async (from, to, title) => {
      const {lab, flannelds} = await withFlanneld(from);
      await using _ = flannelds;
      await using echoes = await begin(lab);
      current = echoes;
      const before = await tables(lab);
      expect(await switched(lab, to, title), said.join('\n')).toMatchObject({outcome: 'rolled-back', because: ['interrupted'], left: []});
      const again = await tables(lab);
      expect(again.map((now, i) => difference(before[i]!, now))).toEqual(again.map(() => []));
      await expectNoneMissed(echoes);
    },
  );
});
