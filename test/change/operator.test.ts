import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {onTerminal} from '../cli/terminal.js';
import {flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {handMadeChange, agents as open} from './change.js';
import {allTables} from './tables.js';

/** What an operator meets around a change, whichever command it is: somebody else's lock, questions, a tree that grows, ^C. */
describe.skipIf(!labsWork)('an operator', () => {
  const labs = testLabs();
  const state = mkdtempSync(join(tmpdir(), 'flanctl-operator-'));
  const env = {XDG_STATE_HOME: state};
  const at = ['--lab', 'operator'];
  let lab: Lab;
  let before: Awaited<ReturnType<typeof allTables>>;
  beforeAll(async () => {
    lab = await labs.up({name: 'operator', nodes: 2, pods: 1});
    await labPing(lab);
    before = await allTables(lab);
  });
  afterAll(() => rmSync(state, {recursive: true}));

  test('is told who holds a node and since when, and takes it only by force, asked twice', async () => {
    const theirs = handMadeChange(lab, 60);
    const agents = await open(lab);
    expect(await agents.get('n2')!.arm({...theirs.header, operator: 'john@lap'}, 300)).toEqual({kind: 'armed'});
    for (const words of [['apply'], ['migrate', '--to', 'host-gw']]) {
      const refused = await flanctl([...words, ...at, '--yes', '-o', 'json'], env);
      expect(refused.code, refused.stderr).toBe(1);
      expect(JSON.parse(refused.stdout)).toMatchObject({
        kind: 'ChangeReport',
        what: words[0],
        id: null,
        outcome: 'refused',
        because: [expect.stringMatching(/^n2: john@lap is changing it since 2026/), expect.stringContaining('--force-unlock')],
      });
      // Nothing was read for it: what they are about would look like a fault.
      expect(refused.stderr).toBe('');
    }
    const once = await flanctl(['migrate', '--to', 'host-gw', ...at, '--yes', '--force-unlock'], env);
    expect(once.code).toBe(2);
    expect(once.stderr).toContain('End it by force? n2: john@lap');
    const forced = await flanctl(['apply', ...at, '--yes', '--yes', '--yes', '--force-unlock'], env);
    expect(forced.stderr).toContain(`n2: ${theirs.header.id} was let go`);
    expect(forced).toMatchObject({code: 0, stdout: expect.stringMatching(/^✔ apply vxlan \(VNI 1, UDP 8472\): nothing to do\n/)});
    expect(await allTables(lab)).toEqual(before);
  });

  test('sees a tree on a terminal; ^C takes the whole change back, and says so', async () => {
    const terminal = onTerminal(['migrate', '--to', 'host-gw', '--batch', '1', ...at], env);
    await terminal.until('Go on? [yes/no]');
    expect(terminal.text()).toMatch(/✔ doctor[\s\S]*✔ proof that every pair keeps a path in every state[\s\S]*✔ pre-flight on the network/);
    terminal.type('yes\n');
    await terminal.until('❯ flip 1/2: n1');
    terminal.type('\x03');
    expect(await terminal.ended).toBe(130);
    const text = terminal.text();
    expect(text).toContain('✔ lock and dead-man timer on every node');
    expect(text).toContain('◼ commit: from here on no timer goes back');
    expect(text).toMatch(/gate: the tables, and every pair/);
    expect(text).toMatch(/› \^C: the stage under way is brought to its end, then the whole change is taken back/);
    expect(text).toContain('undo: flip 1/2: n1');
    expect(text).toContain('interrupted, and taken back: the cluster is as before');
    expect(text).not.toMatch(/flip 2\/2.*undone/);
    expect(await allTables(lab)).toEqual(before);
  });

  test('who says no has changed nothing', async () => {
    const terminal = onTerminal(['migrate', '--to', 'host-gw', ...at], env);
    await terminal.until('Go on? [yes/no]');
    terminal.type('y\n');
    expect(await terminal.ended).toBe(1);
    expect(terminal.text()).toContain('not confirmed: nothing was changed');
    expect(await allTables(lab)).toEqual(before);
  });
});
