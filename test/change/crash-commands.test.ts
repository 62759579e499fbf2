import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import type {Target} from '../../src/core/change/plan.js';
import type {SavedChange} from '../../src/edge/change/local-journal.js';
import {stagesOf} from '../../src/edge/change/stages.js';
import {breakLab, faultNamed} from '../../src/edge/lab/break.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangeReport} from '../../src/edge/reporters/documents.js';
import {doctor, flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {harm, type Kind, kinds, type Point, put, settled, stopped} from './harm.js';
import {dumpsOf} from './live.js';
import {mustPlan, see, target} from './planned.js';
import {doctorOf, rpFilter} from './rehearse.js';
import {allTables, leftovers} from './tables.js';

/**
 * The crash matrix of the commands themselves: `flanctl migrate`, both ways between vxlan and host-gw, stops at every step of its plan, and
 * there it is killed, or its link, a node's sshd or a node's disk is gone. Within the timer every node is wholly old or wholly new and every
 * pair answers; then `flanctl rollback` and `flanctl migrate --resume` alternately bring it to an end. FLANCTL_TEST_LONG runs every end at
 * every step, and another port of the same VNI, killed before and after each; else every second step there and the others back, each ended in
 * one way, each way in its turn.
 */
const long = process.env['FLANCTL_TEST_LONG'] !== undefined;
const TTL = '10';
const bin = join(import.meta.dirname, '../../bin/run.js');
const state = mkdtempSync(join(tmpdir(), 'flanctl-crash-commands-'));
let count = 0;

interface Way {
  readonly backend: 'vxlan' | 'host-gw';
  readonly to: Target;
  readonly words: readonly string[];
  /** The devices that all of a node's routes to the others may lead to in between, and that of the target. */
  readonly between: readonly string[];
  readonly path: string;
  readonly kinds: readonly Kind[];
}

const both = {between: ['eth0', 'flannel.1'], kinds};
const ways = {
  v: {...both, backend: 'vxlan', to: target({Type: 'host-gw'}), words: ['--to', 'host-gw'], path: 'eth0'},
  h: {...both, backend: 'host-gw', to: target({Type: 'vxlan', VNI: 1}), words: ['--to', 'vxlan', '--pod-mtu', 'set'], path: 'flannel.1'},
  p: {
    backend: 'vxlan',
    to: target({Type: 'vxlan', VNI: 1, Port: 4789}),
    words: ['--to', 'vxlan', '--vxlan-port', '4789'],
    between: ['flannel.1', 'flannel.2'],
    path: 'flannel.1',
    kinds: ['kill'],
  },
} as const satisfies {readonly [short: string]: Way};

/** The device that all routes of a node to the others use; more than one is neither old nor new. */
async function paths(lab: Lab): Promise<readonly string[]> {
  return Promise.all(
    lab.nodes.map(async ({name, subnet}) => {
      const routes = (await put(lab, name, 'ip route show')).split('\n');
      const others = lab.nodes.filter((n) => n.subnet !== subnet).map((n) => routes.filter((r) => r.startsWith(n.subnet)));
      const devices = new Set(others.map((found) => found.map((r) => /dev (\S+)/.exec(r)?.[1]).join(' and ') || 'none'));
      return [...devices].join(', ');
    }),
  );
}

/** A point, and how what it leaves is brought to its end: the two directions of a migration differ in that. */
interface Ending extends Point {
  readonly end: 'rollback' | 'resume';
}

interface Begun {
  readonly id: string;
  readonly saved: SavedChange;
  readonly env: NodeJS.ProcessEnv;
  readonly child: ChildProcess;
  readonly printed: () => string;
  readonly ended: Promise<number | null>;
}

/** Starts the command and lets it come to where it stops. On a machine so busy that the short timer runs out before that, once more. */
async function begin(lab: Lab, words: readonly string[], at: string): Promise<Begun> {
  for (let tries = 1; ; tries++) {
    const home = join(state, String(++count));
    const env = {...process.env, XDG_STATE_HOME: home};
    const args = [...words, '--lab', lab.spec.name, '--yes', '--quiet', '--ttl', TTL, '--timeout', '8', '-o', 'json'];
    const child = spawn(process.execPath, [bin, ...args], {env: {...env, FLANCTL_PAUSE_AT: at}, stdio: ['ignore', 'pipe', 'pipe']});
    let [out, error] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    if (await stopped(child)) {
      const [id] = readdirSync(join(home, 'flanctl/changes'));
      const saved = JSON.parse(readFileSync(join(home, 'flanctl/changes', id!, 'plan.json'), 'utf8')) as SavedChange;
      return {id: id!, saved, env, child, printed: () => out, ended};
    }
    const code = await ended;
    if (code === 0 || tries === 3) throw new Error(`it did not stop there: exit ${code}: ${error}${out.slice(0, 800)}`);
    await settled(lab);
  }
}

async function command(words: readonly string[], lab: Lab, env: NodeJS.ProcessEnv): Promise<void> {
  const {code, stdout, stderr} = await flanctl([...words, '--yes', '--lab', lab.spec.name], env);
  if (code !== 0) throw new Error(`${words.join(' ')}: exit ${code}: ${stderr}${stdout}`);
}

/** How the change ended for each node that remembers it: none when nothing of it began. */
async function outcomes(lab: Lab, id: string): Promise<readonly string[]> {
  const {stdout} = await flanctl(['history', '--lab', lab.spec.name, '-o', 'json', '--quiet']);
  const {changes} = JSON.parse(stdout) as {changes: {id: string; nodes: {outcome: string}[]}[]};
  return changes.find((c) => c.id === id)?.nodes.map((n) => n.outcome) ?? [];
}

type Tables = Awaited<ReturnType<typeof allTables>>;

async function crash(lab: Lab, before: Tables, {to, words, between, path}: Way, {kind, at, end}: Ending): Promise<string> {
  const {id, saved, env, child, printed, ended} = await begin(lab, ['migrate', ...words, '--probe-interval', '0'], at);
  expect(saved.stages.map((s) => s.title)).toEqual(await titles(lab, to));
  await harm[kind].do(lab, child);
  if (kind !== 'kill') child.kill('SIGCONT');
  const code = await ended;
  if (kind === 'kill') expect(printed()).toBe('');
  else expect([0, 1, 4, 5]).toContain(code);
  // Never silence: it says what it left, or that all is as it should be.
  if (code === 5) expect((JSON.parse(printed()) as ChangeReport).left.length).toBeGreaterThan(0);
  await settled(lab);
  const found = await paths(lab);
  expect(found.filter((p) => !between.includes(p))).toEqual([]);
  expect((await labPing(lab)).pairs.filter((p) => !p.small)).toEqual([]);
  await harm[kind].mend(lab);
  const now = await outcomes(lab, id);
  const open = now.some((o) => o === 'open' || o === 'timed-out') && !now.includes('rolled-back');
  if (end === 'resume' && open) {
    await command(['migrate', '--resume'], lab, env);
    expect(await paths(lab)).toEqual(lab.nodes.map(() => path));
    expect(await doctorOf(lab)).toEqual([`mode ${to.type}`]);
    if (to.type === 'vxlan')
      for (const {name} of lab.nodes)
        expect((await put(lab, name, 'ip -d link show type vxlan')).match(/dstport \d+/g)).toEqual([`dstport ${to.settings.port}`]);
    expect((await labPing(lab)).pairs.filter((p) => !p.small || !p.large)).toEqual([]);
  }
  if (now.length > 0) await command(['rollback', id], lab, {});
  expect(await allTables(lab)).toEqual(before);
  for (const {name} of lab.nodes) expect(await leftovers(lab, name)).toEqual([]);
  return `${now.join(' ')}: ${end === 'resume' && open ? 'resumed, ' : ''}${now.length > 0 ? 'rolled back' : 'nothing had begun'}`;
}

const planned = new Map<string, readonly string[]>();
/** The stages of the migration of a lab, as they were before it began. */
async function titles(lab: Lab, to: Target): Promise<readonly string[]> {
  const known = planned.get(lab.spec.name);
  if (known) return known;
  const found = stagesOf(mustPlan(see(await dumpsOf(lab)), to, {podMtu: 'set'})).map((s) => s.title);
  planned.set(lab.spec.name, found);
  return found;
}

describe.skipIf(!labsWork)('the commands, ended in the middle', () => {
  const labs = testLabs();
  afterAll(() => rmSync(state, {recursive: true, force: true}));

  async function labOf(name: string, backend: Way['backend'], ssh: boolean): Promise<{lab: Lab; before: Tables}> {
    const lab = await labs.up({name, backend, nodes: 2, pods: 1, ssh});
    await rpFilter(lab, 1);
    await put(lab, 'n2', 'mount -t tmpfs -o size=2m,mode=700 own /var/lib/flanctl');
    return {lab, before: await allTables(lab)};
  }

  test('migrate, whatever ends at whatever step', async () => {
    const broken: string[] = [];
    const counts = new Map<string, number>();
    let ran = 0;
    let total = 0;
    const side = async (short: keyof typeof ways): Promise<void> => {
      const way: Way = ways[short];
      const {backend, to} = way;
      const overSsh = ({kind}: Point): boolean => kind === 'link' || kind === 'sshd';
      const plain = await Promise.all((short === 'p' ? ['p', 'q'] : ['p']).map((name) => labOf(`crash-${short}${name}`, backend, false)));
      // Servers that do not answer take the longest.
      const remote = await Promise.all(
        (way.kinds.includes('sshd') ? ['s', 't'] : []).map((name) => labOf(`crash-${short}${name}`, backend, true)),
      );
      const all = [...plain, ...remote];
      const steps = ['arm', ...(await titles(all[0]!.lab, to)).keys(), 'final', 'committed', 'finish'];
      for (const {lab} of all) await titles(lab, to);
      // Between the end of one step and the beginning of the next only flanctl itself does anything.
      const moments = (kind: Kind) => (kind === 'kill' ? ['before', 'after'] : ['before']);
      const first = short === 'v' ? 0 : 1;
      const stops: readonly Point[] = long
        ? way.kinds.flatMap((kind) => steps.flatMap((step) => moments(kind).map((when) => ({kind, at: `${step}:${when}`}))))
        : steps.map((step, i) => ({kind: way.kinds[(i >> 1) % way.kinds.length]!, at: `${step}:before`})).filter((_, i) => i % 2 === first);
      // Of the moments of one step the other one is ended the other way, and at the next step it is turned round.
      const turn = (i: number): number => (short === 'p' ? i + (i >> 1) : i);
      const points = stops.map((stop, i): Ending => ({...stop, end: turn(i) % 2 === first ? 'resume' : 'rollback'}));
      total += points.length;
      const drain = async (queue: Ending[], {lab, before}: (typeof plain)[number]): Promise<void> => {
        for (let point = queue.shift(); point; point = queue.shift()) {
          ran += 1;
          const started = Date.now();
          let said = 'broken';
          try {
            said = await crash(lab, before, way, point);
            counts.set(point.kind, (counts.get(point.kind) ?? 0) + 1);
          } catch (error) {
            broken.push(`${lab.spec.name}: ${point.kind} at ${point.at}: ${String(error)}`);
            // This lab is not what it was any more.
            return;
          } finally {
            if (process.env['CRASH_LOG'])
              process.stderr.write(
                `${lab.spec.name} ${point.kind} ${point.at} ${(Date.now() - started) / 1000} s ${said} ${broken.at(-1) ?? ''}\n`,
              );
          }
        }
      };
      const [near, far] = [points.filter((p) => !overSsh(p)), points.filter(overSsh)];
      await Promise.all([...plain.map((lab) => drain(near, lab)), ...remote.map((lab) => drain(far, lab))]);
    };
    await Promise.all((long ? (['v', 'h', 'p'] as const) : (['v', 'h'] as const)).map(side));
    expect(broken).toEqual([]);
    expect([...counts.keys()].toSorted()).toEqual([...kinds].toSorted());
    expect(ran).toBe(total);
  }, 3_600_000);

  test('apply: killed, the timer takes it back; ended, rollback does', async () => {
    const {lab} = await labOf('crash-apply', 'vxlan', false);
    await breakLab(lab.spec.name, faultNamed('fdb-row-deleted'));
    const ill = await allTables(lab);
    const {id, child, ended, env} = await begin(lab, ['apply'], '0:after');
    expect(await allTables(lab)).not.toEqual(ill);
    child.kill('SIGKILL');
    await ended;
    await settled(lab);
    expect(await allTables(lab)).toEqual(ill);
    await command(['rollback', id], lab, env);
    expect(await allTables(lab)).toEqual(ill);

    const done = await flanctl(['apply', '--lab', lab.spec.name, '--yes', '-o', 'json', '--quiet'], env);
    expect(done).toMatchObject({code: 0});
    expect(await doctor(['--lab', lab.spec.name])).toMatchObject({code: 0, findings: []});
    // From another machine, which knows nothing of it but its id.
    await command(['rollback', (JSON.parse(done.stdout) as ChangeReport).id!], lab, {XDG_STATE_HOME: join(state, 'elsewhere')});
    expect(await allTables(lab)).toEqual(ill);
    expect((await runIn(lab, 'n1', 'ls /run | grep flanctl')).stdout).toBe('');
    for (const {name} of lab.nodes) expect(await leftovers(lab, name)).toEqual([]);
  }, 450_000);
});
