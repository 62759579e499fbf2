import {spawn} from 'node:child_process';
import {appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {savedEnd} from '../../src/edge/change/local-journal.js';
import {run} from '../../src/edge/lab/shell.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangeReport} from '../../src/edge/reporters/documents.js';
import {flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {put, stopped} from './harm.js';
import {allTables, leftovers} from './tables.js';

/** The operator's own disk: full in the middle of a change, or not to be written from the beginning. */
describe.skipIf(!labsWork)("the operator's own disk", () => {
  const labs = testLabs();
  const folder = mkdtempSync(join(tmpdir(), 'flanctl-disk-'));
  const bin = join(import.meta.dirname, '../../bin/run.js');
  let lab: Lab;
  let before: Awaited<ReturnType<typeof allTables>>;
  const mounted: string[] = [];
  const mount = async (name: string, options: string): Promise<string> => {
    const place = join(folder, name);
    mkdirSync(place);
    expect(await run(['mount', '-t', 'tmpfs', '-o', options, 'state', place])).toMatchObject({code: 0});
    mounted.push(place);
    return place;
  };
  beforeAll(async () => {
    lab = await labs.up({name: 'op-disk', nodes: 2, pods: 1});
    before = await allTables(lab);
  });
  afterAll(async () => {
    for (const place of mounted) await run(['umount', place]);
    rmSync(folder, {recursive: true, force: true});
  });

  const words = ['migrate', '--to', 'host-gw', '--lab', 'op-disk', '--yes', '--quiet', '--probe-interval', '0', '-o', 'json'];
  /** The change under a state folder whose last block is written full, and after it the disk, while flanctl stands still. */
  async function filled(at: string): Promise<ChangeReport & {readonly code: number | null; readonly place: string}> {
    const place = await mount(at.replace(':', '-'), 'size=512k,mode=700');
    const child = spawn(process.execPath, [bin, ...words], {
      env: {...process.env, XDG_STATE_HOME: place, FLANCTL_PAUSE_AT: at},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, error] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    expect(await stopped(child)).toBe(true);
    const changes = join(place, 'flanctl/changes');
    const journal = join(changes, readdirSync(changes)[0]!, 'journal.ndjson');
    appendFileSync(journal, `${' '.repeat(4096 - ((statSync(journal).size + 1) % 4096))}\n`);
    await run(['sh', '-c', `cat /dev/zero >${place}/filler`]);
    child.kill('SIGCONT');
    const code = await ended;
    if (out === '') throw new Error(`it said nothing: exit ${code}: ${error}`);
    return {...(JSON.parse(out) as ChangeReport), code, place};
  }

  test.each(['arm:after', '1:before', 'committed:after'])(
    'full from %s on: turned back, all as before, and why',
    async (at) => {
      const {code, outcome, because, left} = await filled(at);
      expect({code, outcome, left}).toEqual({code: 4, outcome: 'rolled-back', left: []});
      expect(because).toEqual([expect.stringMatching(/^the journal .* cannot be written: ENOSPC: no space left on device/)]);
      expect(await allTables(lab)).toEqual(before);
      for (const {name} of lab.nodes) expect(await leftovers(lab, name)).toEqual([]);
    },
    60_000,
  );

  test('full only at the very end: done, for what was wanted is there', async () => {
    const {code, outcome, id, place} = await filled('finish:before');
    expect({code, outcome}).toEqual({code: 0, outcome: 'done'});
    expect(await put(lab, 'n1', 'ip -br link show type vxlan')).toBe('');
    // Neither history nor --resume stumbles over a journal that was cut off in a line; the nodes know the end.
    rmSync(join(place, 'filler'));
    const journal = join(place, 'flanctl/changes', id!, 'journal.ndjson');
    appendFileSync(journal, '{"at":"2026-11-21T10:15:00Z","kind":"ended","outco{"at":"2026-11-21T10:15:01Z","kind":"gate"}\n');
    expect(readFileSync(journal, 'utf8')).not.toContain('"outcome":"done"');
    process.env['XDG_STATE_HOME'] = place;
    expect(await savedEnd(id!)).toBeUndefined();
    delete process.env['XDG_STATE_HOME'];
    const env = {XDG_STATE_HOME: place};
    expect((await flanctl(['history', '--lab', 'op-disk'], env)).stdout).toMatch(/done/);
    expect(await flanctl(['migrate', '--resume', '--lab', 'op-disk', '--yes'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is ended: done'),
    });
    expect(await flanctl(['rollback', id!, '--lab', 'op-disk', '--yes'], env)).toMatchObject({code: 0});
    expect(await allTables(lab)).toEqual(before);
  }, 150_000);

  test('not to be written: refused before anything is written anywhere', async () => {
    const place = await mount('ro', 'ro');
    const known = await put(lab, 'n1', 'ls /var/lib/flanctl/changes 2>/dev/null || true');
    for (const args of [words, ['apply', '--lab', 'op-disk', '--yes', '--prune']]) {
      if (args !== words) await put(lab, 'n1', 'ip route add 10.244.77.0/24 via 192.168.77.12 dev eth0');
      const ran = await flanctl(args, {XDG_STATE_HOME: place});
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/the journal .* cannot be written: EROFS: read-only file system/);
    }
    await put(lab, 'n1', 'ip route del 10.244.77.0/24');
    expect(await put(lab, 'n1', 'ls /var/lib/flanctl/changes 2>/dev/null || true')).toBe(known);
    expect(await allTables(lab)).toEqual(before);
  }, 150_000);
});
