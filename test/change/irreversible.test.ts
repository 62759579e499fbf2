import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {labPing} from '../../src/edge/lab/ping.js';
import type {ChangePlan, ChangeReport} from '../../src/edge/reporters/documents.js';
import {flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {put} from './harm.js';
import {allTables} from './tables.js';

describe.skipIf(!labsWork)('what a migration cannot take back', () => {
  const labs = testLabs();
  const state = mkdtempSync(join(tmpdir(), 'flanctl-irreversible-'));
  afterAll(() => rmSync(state, {recursive: true, force: true}));

  test('is refused before any write unless its node is named; then rollback says what it could not bring back', async () => {
    const lab = await labs.up({name: 'irrev', nodes: 2, pods: 1});
    await labPing(lab);
    // Somebody else's nexthop object on the tunnel: it goes with the device, and flanctl makes none.
    await put(lab, 'n1', 'ip nexthop add id 7 dev flannel.1; ip route add 172.30.0.0/16 nhid 7');
    const before = await allTables(lab);
    const migrate = async (...words: readonly string[]) => {
      const args = ['migrate', '--to', 'host-gw', '--lab', 'irrev', '--quiet', '--probe-interval', '0', '-o', 'json', ...words];
      const {code, stdout, stderr} = await flanctl(args, {XDG_STATE_HOME: state});
      return {code, stderr, document: stdout === '' ? undefined : (JSON.parse(stdout) as unknown)};
    };
    const why = expect.stringMatching(
      /^n1: delete device flannel\.1.* cannot be taken back: the nexthop 7 of route 172\.30\.0\.0\/16 goes with/,
    );
    const dry = (await migrate('--dry-run')).document as ChangePlan;
    expect(dry.plan.irreversible.map((i) => `${i.node}: ${i.what} cannot be taken back: ${i.why}`)).toEqual([why]);
    for (const accepted of [[], ['--accept-irreversible', 'n2']]) {
      const refused = await migrate('--yes', ...accepted);
      expect(refused).toMatchObject({code: 1, document: {outcome: 'refused', id: null, because: [why]}});
      expect((refused.document as ChangeReport).because[0]).toContain('(--accept-irreversible n1)');
    }
    expect(await allTables(lab)).toEqual(before);
    expect(await put(lab, 'n1', 'ls /var/lib/flanctl/changes 2>/dev/null || true')).toBe('');

    const done = await migrate('--yes', '--accept-irreversible', 'n1');
    expect(done).toMatchObject({code: 0, document: {outcome: 'done'}});
    const {id} = done.document as ChangeReport;
    const undone = await flanctl(['rollback', id!, '--lab', 'irrev', '--yes', '--quiet', '-o', 'json'], {XDG_STATE_HOME: state});
    expect(undone.code).toBe(5);
    const {left} = JSON.parse(undone.stdout) as ChangeReport;
    expect(new Set(left.map((l) => l.node))).toEqual(new Set(['n1']));
    expect(left.map((l) => `${l.what}: ${l.why}`).join('\n')).toMatch(/172\.30\.0\.0\/16/);
    await put(lab, 'n1', 'ip nexthop replace id 7 dev flannel.1; ip route replace 172.30.0.0/16 nhid 7');
    expect(await allTables(lab)).toEqual(before);
  }, 300_000);
});
