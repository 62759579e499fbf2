import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangeReport} from '../../src/edge/reporters/documents.js';
import {doctor, flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {put, stopped} from './harm.js';
import {allTables, leftovers} from './tables.js';

/** What a node says it has done is not believed: rollback, a change that was turned back and --resume read the nodes again. */
describe.skipIf(!labsWork)('the nodes are read again afterwards', () => {
  const labs = testLabs();
  const state = mkdtempSync(join(tmpdir(), 'flanctl-review-'));
  const [here, elsewhere] = [{XDG_STATE_HOME: join(state, 'here')}, {XDG_STATE_HOME: join(state, 'elsewhere')}];
  const bin = join(import.meta.dirname, '../../bin/run.js');
  let lab: Lab;
  let before: Awaited<ReturnType<typeof allTables>>;
  beforeAll(async () => {
    lab = await labs.up({name: 'review', nodes: 2, pods: 1});
    await labPing(lab);
    before = await allTables(lab);
  });
  afterAll(() => rmSync(state, {recursive: true, force: true}));

  const words = (...more: readonly string[]): readonly string[] => [...more, '--lab', 'review', '--yes', '--quiet', '-o', 'json'];
  const migration = words('migrate', '--to', 'host-gw', '--probe-interval', '0');
  async function change(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ChangeReport & {readonly code: number | null}> {
    const {code, stdout, stderr} = await flanctl(args, env);
    if (process.env['SAY']) process.stderr.write(args.join(' ') + stdout + stderr);
    if (stdout === '') throw new Error(`${args.join(' ')}: exit ${code}: ${stderr}`);
    return {...(JSON.parse(stdout) as ChangeReport), code};
  }
  const rollback = (id: string) => change(words('rollback', id), elsewhere);
  /** Starts a migration that stands still at this point. */
  async function begin(at: string): Promise<{child: ChildProcess; id: string; report: Promise<ChangeReport & {code: number | null}>}> {
    const known = readdirSync(join(here.XDG_STATE_HOME, 'flanctl/changes'));
    const env = {...process.env, ...here, FLANCTL_PAUSE_AT: at};
    const child = spawn(process.execPath, [bin, ...migration], {env, stdio: ['ignore', 'pipe', 'inherit']});
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    const report = new Promise<ChangeReport & {code: number | null}>((resolve) =>
      child.once('close', (code) => resolve({...(out === '' ? {} : JSON.parse(out)), code})),
    );
    expect(await stopped(child)).toBe(true);
    const [id] = readdirSync(join(here.XDG_STATE_HOME, 'flanctl/changes')).filter((name) => !known.includes(name));
    return {child, id: id!, report};
  }
  const asBefore = async (): Promise<void> => {
    expect(await allTables(lab)).toEqual(before);
    for (const {name} of lab.nodes) expect(await leftovers(lab, name)).toEqual([]);
  };

  test('an undo that the kernel refuses, since the name of its device is taken: listed, exit 5; once it is free, rollback ends it', async () => {
    const {id, code} = await change(migration, here);
    expect(code).toBe(0);
    await put(lab, 'n1', 'ip link add flannel.1 type bridge');
    const refused = await rollback(id!);
    expect(refused).toMatchObject({code: 5, outcome: 'stranded'});
    expect(new Set(refused.left.map((l) => l.node))).toEqual(new Set(['n1', 'n2']));
    const said = refused.left.map(({node, what, why}) => `${node}: ${what}: ${why}`);
    expect(said).toContainEqual(expect.stringMatching(/^n1: device flannel\.1: kind is bridge.*: read again afterwards/));
    // The pair is heard of as well: it answered over host-gw.
    expect(said).toContainEqual('n2: n2 → n1 IPv4: no answer: it answered before');
    await put(lab, 'n1', 'ip link del flannel.1');
    expect(await rollback(id!)).toMatchObject({code: 0, left: []});
    await asBefore();
  }, 300_000);

  test('a row that somebody else takes away after the undo: listed, exit 5; from another machine', async () => {
    const {id} = await change(migration, here);
    const thief = runIn(
      lab,
      'n2',
      'for i in $(seq 600); do ip route del 10.244.1.0/24 dev flannel.1 2>/dev/null; sleep 0.05; [ -e /run/thief-over ] && break; done',
    );
    const undone = await rollback(id!);
    await put(lab, 'n2', 'touch /run/thief-over');
    await thief;
    await put(lab, 'n2', 'rm /run/thief-over');
    expect(undone).toMatchObject({code: 5, outcome: 'stranded'});
    expect(undone.left).toContainEqual({
      node: 'n2',
      what: 'route 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink is not there',
      why: expect.stringContaining('read again afterwards'),
    });
    expect(undone.left.map((l) => l.what)).toContainEqual(expect.stringMatching(/^n1 → n2 IPv4: no answer/));
    expect((await doctor(['--lab', 'review'])).findings.map((f) => f.rule)).toEqual(['route-missing']);
    expect(await flanctl(words('apply'), here)).toMatchObject({code: 0});
    await asBefore();
  }, 300_000);

  test('a change that turns back, and a row that does not stay: listed, exit 5 and not 4', async () => {
    const {child, report} = await begin('2:before');
    const thief = runIn(
      lab,
      'n1',
      'for i in $(seq 600); do ip route del 10.244.2.0/24 2>/dev/null; sleep 0.05; [ -e /run/thief-over ] && break; done',
    );
    child.kill('SIGCONT');
    const {code, outcome, because, left} = await report;
    await put(lab, 'n1', 'touch /run/thief-over');
    await thief;
    await put(lab, 'n1', 'rm /run/thief-over');
    expect({code, outcome}).toEqual({code: 5, outcome: 'stranded'});
    expect(because.join('\n')).toMatch(/n[12]/);
    expect(left.map(({node, what}) => `${node}: ${what}`)).toContainEqual(
      'n1: route 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink is not there',
    );
    expect(await flanctl(words('apply'), here)).toMatchObject({code: 0});
    await asBefore();
  }, 300_000);

  test('--resume: a row of a stage that was done, changed by somebody else between: listed, exit 5', async () => {
    const {child, id, report} = await begin('2:before');
    child.kill('SIGKILL');
    await report;
    const flipped = await put(lab, 'n1', 'ip route show 10.244.2.0/24');
    expect(flipped).toContain('dev eth0');
    await put(lab, 'n1', 'ip route replace 10.244.2.0/24 via 192.168.77.12 dev eth0 mtu 1400');
    const resumed = await change(words('migrate', '--resume'), here);
    expect(resumed).toMatchObject({code: 5, outcome: 'stranded', id});
    expect(resumed.left).toEqual([
      {
        node: 'n1',
        what: expect.stringMatching(/^route 10\.244\.2\.0\/24 via 192\.168\.77\.12 dev eth0 is now .*1400/),
        why: expect.any(String),
      },
    ]);
    expect(await rollback(id)).toMatchObject({code: 0, left: []});
    await asBefore();
  }, 300_000);
});
