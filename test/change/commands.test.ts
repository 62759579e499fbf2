import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {execute} from '../../src/edge/change/executor.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {handMadeChange, agents as open} from './change.js';
import {allTables} from './tables.js';

describe.skipIf(!labsWork)('flanctl rollback and flanctl history', () => {
  const labs = testLabs();
  const [here, elsewhere] = [mkdtempSync(join(tmpdir(), 'flanctl-here-')), mkdtempSync(join(tmpdir(), 'flanctl-else-'))];
  const previous = process.env['XDG_STATE_HOME'];
  let lab: Lab;
  let before: Awaited<ReturnType<typeof allTables>>;
  const change = async (): Promise<string> => {
    const made = handMadeChange(lab, 60);
    const gate = async () => ({ok: true, because: []});
    const done = await execute({
      change: made,
      agents: await open(lab),
      gate,
      onEvent: () => undefined,
      signal: new AbortController().signal,
    });
    expect(done.kind).toBe('done');
    return made.header.id;
  };
  beforeAll(async () => {
    process.env['XDG_STATE_HOME'] = here;
    lab = await labs.up({name: 'undo', nodes: 2, pods: 1});
    before = await allTables(lab);
  });
  afterAll(() => {
    if (previous === undefined) delete process.env['XDG_STATE_HOME'];
    else process.env['XDG_STATE_HOME'] = previous;
    for (const folder of [here, elsewhere]) rmSync(folder, {recursive: true});
  });

  test('without a terminal and without --yes nothing is undone', async () => {
    const id = await change();
    const ran = await flanctl(['rollback', '--lab', 'undo']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('there is no terminal to ask on');
    expect(ran.stderr).toContain(id);
    expect(await allTables(lab)).not.toEqual(before);
  });

  test('history tells of it, from here and from elsewhere', async () => {
    const there = JSON.parse((await flanctl(['history', '--lab', 'undo', '-o', 'json'], {XDG_STATE_HOME: elsewhere})).stdout);
    expect(there).toMatchObject({kind: 'HistoryReport', exit: 0, gaps: [], changes: [{outcome: 'done', here: false}]});
    expect(there.changes[0].nodes.map((n: {node: string; timer: unknown; progress: string}) => [n.node, n.timer, n.progress])).toEqual([
      ['n1', null, 'committed'],
      ['n2', null, 'committed'],
    ]);
    const mine = await flanctl(['history']);
    expect(mine.code).toBe(0);
    expect(mine.stdout).toMatch(/vxlan to host-gw +done +mary@desk/);
  });

  test("from another machine, by the nodes' journals alone: all is as before, exit 0", async () => {
    const ran = await flanctl(['rollback', '--lab', 'undo', '--yes', '-o', 'json'], {XDG_STATE_HOME: elsewhere});
    expect(ran.stderr).toContain('undoing: flannel.1 goes');
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({kind: 'ChangeReport', what: 'rollback', outcome: 'done', left: [], exit: 0});
    expect(await allTables(lab)).toEqual(before);
    const again = await flanctl(['rollback', '--lab', 'undo', '--yes'], {XDG_STATE_HOME: elsewhere});
    expect(again).toMatchObject({code: 0, stdout: '', stderr: expect.stringContaining('nothing to undo')});
  });

  test('from here no source has to be named', async () => {
    const id = await change();
    const ran = await flanctl(['rollback', id, '--yes']);
    expect(ran.stderr).toContain("nodes as in this machine's journal");
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain('rollback of vxlan to host-gw: done');
    expect(await allTables(lab)).toEqual(before);
  });

  test('a node that somebody else holds refuses, says who, and lets go only by force, asked twice', async () => {
    const id = await change();
    const theirs = handMadeChange(lab, 60);
    const agents = await open(lab);
    expect(await agents.get('n2')!.arm({...theirs.header, operator: 'john@lap'}, 300)).toEqual({kind: 'armed'});
    const refused = await flanctl(['rollback', id, '--lab', 'undo', '--yes']);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/n2: john@lap is changing it since 2026/);
    const once = await flanctl(['rollback', id, '--lab', 'undo', '--yes', '--force-unlock']);
    expect(once.code).toBe(2);
    const forced = await flanctl(['rollback', id, '--lab', 'undo', '--yes', '--yes', '--yes', '--force-unlock']);
    expect(forced.stderr).toContain(`n2: ${theirs.header.id} was let go`);
    expect(forced.code).toBe(0);
    expect(await allTables(lab)).toEqual(before);
  });

  test('an id that no node knows', async () => {
    const ran = await flanctl(['rollback', '20200101-000000-none', '--lab', 'undo', '--yes']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('no node knows a change 20200101-000000-none');
  });
});
