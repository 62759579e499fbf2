import {type ChildProcess, spawn} from 'node:child_process';
import {cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {build} from 'esbuild';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {SavedChange} from '../../src/edge/change/local-journal.js';
import type {Outcome} from '../../src/edge/change/outcome.js';
import {resume} from '../../src/edge/change/resume.js';
import {knownChanges, remember, rollback} from '../../src/edge/change/rollback.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {handMadeChange, handMadeStages, agents as open} from './change.js';
import {harm, type Kind, type Point, put, settled, stopped} from './harm.js';
import {allTables, leftovers} from './tables.js';

/**
 * Everything that can end, at every step: flanctl itself, the operator's link to all nodes, one node's sshd, one node's disk. The steps come
 * from the plan. Whatever ends, within the timer every node is wholly on the old path or wholly on the new one and every pair answers; then
 * a rollback from the nodes' own journals, or --resume, brings it to an end. Several labs side by side: most of the time is waiting.
 * Without FLANCTL_TEST_LONG only what needs no ssh; crash-commands.test.ts has links and servers that end, of the commands themselves. And
 * what ends before each step: after the one before it is the same moment for all but flanctl.
 */
const long = process.env['FLANCTL_TEST_LONG'] !== undefined;
const TTL = 6;

const labs = testLabs();
const folder = mkdtempSync(join(tmpdir(), 'flanctl-crash-'));
const driver = join(folder, 'driver.mjs');

/** Old or new, by where the routes to the other nodes lead; anything else is neither. */
async function path(lab: Lab): Promise<readonly string[]> {
  return Promise.all(
    lab.nodes.map(async ({name, subnet}) => {
      const routes = (await put(lab, name, 'ip route show proto boot; ip route show proto static')).split('\n');
      const others = lab.nodes.filter((n) => n.subnet !== subnet).map((n) => routes.filter((r) => r.startsWith(n.subnet)).join());
      if (others.every((r) => r.includes('dev flannel.1'))) return 'old';
      return others.every((r) => r.includes('dev eth0')) ? 'new' : `neither: ${others.join(' and ')}`;
    }),
  );
}

/** Starts a change that stops at the point. A machine so busy that the short timer runs out before that starts it again. */
async function begin(
  lab: Lab,
  at: string,
): Promise<{change: SavedChange; child: ChildProcess; printed: () => string; ended: Promise<number | null>}> {
  for (let tries = 1; ; tries++) {
    const change = handMadeChange(lab, TTL);
    const state = join(folder, change.header.id);
    const saved = join(state, 'flanctl', 'changes', change.header.id);
    mkdirSync(saved, {recursive: true});
    writeFileSync(join(saved, 'plan.json'), JSON.stringify(change));
    const child = spawn(process.execPath, [driver, change.header.id], {
      env: {...process.env, XDG_STATE_HOME: state, FLANCTL_PAUSE_AT: at, DRIVER_TIMEOUT: '5000'},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (out += text));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    if (await stopped(child)) return {change, child, printed: () => out, ended};
    await ended;
    const {kind, because} = JSON.parse(out) as Outcome;
    if (kind === 'done' || tries === 4) throw new Error(`it did not stop there: ${kind}: ${because.join('; ')}`);
    await settled(lab);
    await finish(lab, change, 'rollback');
  }
}

async function crash(
  lab: Lab,
  before: Awaited<ReturnType<typeof allTables>>,
  {kind, at}: Point,
  way: 'rollback' | 'resume',
): Promise<void> {
  const {change, child, printed, ended} = await begin(lab, at);
  await harm[kind].do(lab, child);
  if (kind !== 'kill') child.kill('SIGCONT');
  const code = await ended;
  const outcome = printed() === '' ? undefined : (JSON.parse(printed()) as Outcome);
  // Never silence: it says what it left, or that all is as it should be.
  if (kind === 'kill') expect(outcome).toBeUndefined();
  else expect([0, 1, 4, 5]).toContain(code);
  if (outcome?.kind === 'stranded') expect(outcome.left.length).toBeGreaterThan(0);
  await settled(lab);
  const paths = await path(lab);
  expect(paths.filter((p) => p.startsWith('neither'))).toEqual([]);
  expect((await labPing(lab)).pairs.filter((p) => !p.small).map((p) => `${p.from} ${p.to}`)).toEqual([]);
  await harm[kind].mend(lab);
  await finish(lab, change, way);
  expect(await allTables(lab)).toEqual(before);
  for (const node of lab.nodes) expect(await leftovers(lab, node.name)).toEqual([]);
}

async function finish(lab: Lab, change: SavedChange, way: 'rollback' | 'resume'): Promise<void> {
  const agents = await open(lab);
  const context = {agents, ttl: 60, onEvent: () => undefined};
  const {id} = change.header;
  let remembered = await remember(agents);
  expect(remembered.lost).toEqual([]);
  const known = () => knownChanges(remembered).find((c) => c.id === id);
  const ends = [...(known()?.by.values() ?? [])].map((j) => j.outcome);
  // What was rolled back on one node is over; there is nothing to go on with.
  const isOpen = ends.some((end) => end === 'open' || end === 'timed-out') && !ends.includes('rolled-back');
  if (way === 'resume' && isOpen) {
    process.env['XDG_STATE_HOME'] = join(folder, `resume-${id}`);
    const gate = async () => ({ok: true, because: []});
    const outcome = await resume({...change, ttl: 60}, remembered, {...context, gate, signal: new AbortController().signal});
    expect(outcome).toMatchObject({kind: 'done', because: []});
    expect(await path(lab)).toEqual(lab.nodes.map(() => 'new'));
    expect((await labPing(lab)).pairs.filter((p) => !p.small)).toEqual([]);
    remembered = await remember(agents);
  }
  if (known()) expect(await rollback(id, remembered, context)).toMatchObject({kind: 'rolled-back', left: []});
  await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
}

describe.skipIf(!labsWork)('the crash matrix', () => {
  beforeAll(async () => {
    await build({
      entryPoints: [join(import.meta.dirname, 'driver.ts')],
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      outfile: driver,
      packages: 'external',
      logLevel: 'error',
    });
    cpSync(join(import.meta.dirname, '../../src/edge/change/agent.sh'), join(folder, 'agent.sh'));
    symlinkSync(join(import.meta.dirname, '../../node_modules'), join(folder, 'node_modules'));
  });
  afterAll(() => rmSync(folder, {recursive: true, force: true}));

  test('whatever ends at whatever step', async () => {
    const labOf = async (name: string, ssh: boolean) => {
      const lab = await labs.up({name, nodes: 2, pods: 1, ssh});
      await put(lab, 'n2', 'mount -t tmpfs -o size=2m,mode=700 own /var/lib/flanctl');
      return {lab, before: await allTables(lab)};
    };
    // What needs no ssh does without its cost.
    const plain = await Promise.all(['crash-a', 'crash-b', 'crash-c', 'crash-d'].map((name) => labOf(name, false)));
    const remote = await Promise.all((long ? ['crash-e', 'crash-f', 'crash-g', 'crash-h'] : []).map((name) => labOf(name, true)));
    const steps = ['arm', ...handMadeStages(plain[0]!.lab).keys(), 'final', 'committed', 'finish'];
    // Between the end of one step and the beginning of the next only flanctl itself does anything.
    const moments = (kind: Kind) => (kind === 'kill' && long ? ['before', 'after'] : ['before']);
    const points = (...of: Kind[]): Point[] =>
      of.flatMap((kind) => steps.flatMap((step) => moments(kind).map((when) => ({kind, at: `${step}:${when}`}))));
    const queues = {plain: points('kill', 'disk'), remote: long ? points('link', 'sshd') : []};
    const total = queues.plain.length + queues.remote.length;
    const broken: string[] = [];
    let ran = 0;
    const drain = async (queue: Point[], {lab, before}: (typeof plain)[number]): Promise<void> => {
      for (let point = queue.shift(); point; point = queue.shift()) {
        ran += 1;
        const started = Date.now();
        try {
          await crash(lab, before, point, ran % 2 === 0 ? 'rollback' : 'resume');
        } catch (error) {
          broken.push(`${point.kind} at ${point.at}: ${String(error)}`);
          // This lab is not what it was any more.
          return;
        } finally {
          if (process.env['CRASH_LOG'])
            process.stderr.write(`${lab.spec.name} ${point.kind} ${point.at} ${(Date.now() - started) / 1000} s\n`);
        }
      }
    };
    await Promise.all([...plain.map((lab) => drain(queues.plain, lab)), ...remote.map((lab) => drain(queues.remote, lab))]);
    expect(broken).toEqual([]);
    expect(ran).toBe(total);
  }, 900_000);
});
