import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll} from 'vitest';
import {labDown} from '../../src/edge/lab/down.js';
import {startedAt} from '../../src/edge/lab/namespaces.js';
import {canMakeLab} from '../../src/edge/lab/requirements.js';
import type {Lab, LabSpec} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';

const able = await canMakeLab({ssh: true});
// Root is who these tests are for: there they run, or they fail.
if (!able.ok && process.getuid?.() === 0) throw new Error(`no lab can be made here: ${able.why}`);
if (!able.ok) process.stderr.write(`lab tests are skipped: ${able.why}\n`);

/** Is the kernel under us one that a lab can be made on, and are we root? */
export const labsWork = able.ok;

/**
 * Namespaces are the machine's, the names of labs the tests'. What a test run left that was killed is in nobody's use, and is replaced; the
 * lab of a run that still goes on is not.
 */
async function abandoned(name: string): Promise<boolean> {
  const folder = join(tmpdir(), 'flanctl-test-labs');
  const note = join(folder, name);
  mkdirSync(folder, {recursive: true});
  let owner: {readonly pid?: number; readonly started?: string} = {};
  try {
    owner = JSON.parse(readFileSync(note, 'utf8')) as typeof owner;
  } catch {
    // The first of its name here.
  }
  const free = owner.pid === undefined || owner.pid === process.pid || (await startedAt(owner.pid)) !== owner.started;
  if (free) writeFileSync(note, JSON.stringify({pid: process.pid, started: await startedAt(process.pid)}));
  return free;
}

/** Labs of one test file: their state in a folder of its own, and all gone at its end, whatever failed. */
export function testLabs(): {
  readonly up: (spec: Partial<LabSpec> & {name: string}) => Promise<Lab>;
  readonly willClear: (name: string) => string;
  readonly root: string;
} {
  const root = mkdtempSync(join(tmpdir(), 'flanctl-labs-'));
  process.env['FLANCTL_LAB_DIR'] = root;
  const names = new Set<string>();
  afterAll(async () => {
    for (const name of names) await labDown(name);
    rmSync(root, {recursive: true, force: true});
  });
  const willClear = (name: string): string => {
    names.add(name);
    return name;
  };
  const up = async (spec: Partial<LabSpec> & {name: string}): Promise<Lab> => {
    const replace = await abandoned(spec.name);
    // Refused, since another run has a lab of that name: then it is not ours to take down.
    if (replace) willClear(spec.name);
    const lab = await labUp(spec, {replace});
    willClear(spec.name);
    return lab;
  };
  return {root, willClear, up};
}
