import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterAll, expect, test} from 'vitest';
import {inventoryOf} from '../../src/edge/lab/inventory.js';
import {labsWork, testLabs} from '../lab/in-lab.js';

const root = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'flanctl-loaded-'));
const labs = testLabs();
afterAll(() => rmSync(scratch, {recursive: true, force: true}));

/** What a run of the built flanctl loads: packages by name, its own files below lib/. */
function loadedBy(...args: string[]): {packages: Set<string>; own: string[]; status: number | null} {
  const record = join(scratch, `${args[0]}.txt`);
  writeFileSync(record, '');
  const {status, stderr} = spawnSync(
    process.execPath,
    ['--import', join(import.meta.dirname, 'record-modules.js'), join(root, 'bin/run.js'), ...args],
    {
      cwd: scratch,
      encoding: 'utf8',
      env: {...process.env, RECORD_MODULES: record, XDG_CONFIG_HOME: scratch},
    },
  );
  expect(stderr).toBe('');
  const urls = [...new Set(readFileSync(record, 'utf8').split('\n'))];
  return {
    status,
    packages: new Set(urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? [])),
    own: urls.flatMap((url) => (url.startsWith(`file://${root}/lib/`) ? [url.slice(`file://${root}/lib/`.length)] : [])),
  };
}

const heavy = ['ssh2', 'node-ssh', 'cpu-features', 'zod', 'yaml', 'listr2', 'cli-table3', 'chalk', 'p-map', '@kubernetes/client-node'];

test.each(['--version', '--help', 'doctor --help'])('flanctl %s loads oclif and nothing heavy', (words) => {
  const {packages, own, status} = loadedBy(...words.split(' '));
  expect(status).toBe(0);
  // Proof that the recorder sees both kinds of modules.
  expect([...packages]).toContain('@oclif/core');
  expect(heavy.filter((name) => packages.has(name))).toEqual([]);
  // The manifest says what there is; no command is loaded to find out.
  expect(own).toEqual([]);
});

test('doctor of a snapshot loads no connection, no schema, no progress and no YAML', () => {
  const {packages, own, status} = loadedBy('doctor', '--snapshot', join(root, 'test/bases/vxlan.ndjson'));
  expect(status).toBe(0);
  expect(own).toContain('commands/doctor.js');
  expect(own).toContain('core/rules/index.js');
  expect(heavy.filter((name) => name !== 'chalk' && packages.has(name))).toEqual([]);
  expect(own.filter((file) => /^edge\/(transports|lab|sources|gather\/(gather|progress|script))\b/.test(file))).toEqual([]);
  expect(own.filter((file) => file.startsWith('commands/'))).toEqual(['commands/doctor.js']);
});

test.runIf(labsWork)('doctor of a lab loads no connection, no schema and no YAML', async () => {
  const lab = await labs.up({name: 'loaded', nodes: 2, pods: 1});
  const {packages, own, status} = loadedBy('doctor', '--lab', lab.spec.name, '--quiet');
  expect(status).toBe(0);
  expect(own).toContain('edge/lab/inventory.js');
  expect(heavy.filter((name) => !['chalk', 'p-map'].includes(name) && packages.has(name))).toEqual([]);
  // The file that `lab up` wrote for --inventory says the same.
  const {parseInventory} = await import('../../src/edge/sources/inventory.js');
  expect(parseInventory(readFileSync(lab.inventory, 'utf8'), lab.inventory)).toEqual(inventoryOf(lab));
});
