import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeEach, describe, expect, test} from 'vitest';
import {workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

const work = workFolder();
const base = (name: string): string => join(import.meta.dirname, `../bases/${name}.ndjson`);
const xdg = work.file('xdg');
const cwd = work.file('here');

/** What one run looked at, by its report. */
async function looked(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{from?: string; mode?: string; output?: string}> {
  const ran = await flanctl(['doctor', ...args], {XDG_CONFIG_HOME: xdg, ...env}, cwd);
  if (ran.code !== 0) throw new Error(ran.stderr);
  if (!ran.stdout.startsWith('{')) return {output: 'table', from: ran.stdout.split('  ')[0]!};
  const {cluster} = JSON.parse(ran.stdout) as {cluster: {from: string}};
  return {output: 'json', from: cluster.from};
}
const local = (text: string): void => writeFileSync(join(cwd, 'flanctl.yaml'), text);
const user = (text: string): void => writeFileSync(join(xdg, 'flanctl/flanctl.yaml'), text);

beforeEach(() => {
  rmSync(cwd, {recursive: true, force: true});
  rmSync(xdg, {recursive: true, force: true});
  mkdirSync(cwd, {recursive: true});
  mkdirSync(join(xdg, 'flanctl'), {recursive: true});
});

describe('flags over environment over ./flanctl.yaml over the user’s own', () => {
  test('each layer gives way to the one above it', async () => {
    user(`snapshot: ${base('host-gw')}\noutput: json\n`);
    expect(await looked([])).toEqual({output: 'json', from: `snapshot ${base('host-gw')}`});
    local(`snapshot: ${base('vxlan')}\noutput: json\n`);
    expect(await looked([])).toEqual({output: 'json', from: `snapshot ${base('vxlan')}`});
    const env = {FLANCTL_SNAPSHOT: base('vxlan-dual')};
    expect(await looked([], env)).toEqual({output: 'json', from: `snapshot ${base('vxlan-dual')}`});
    expect(await looked(['--snapshot', base('host-gw-dual'), '-o', 'table'], env)).toEqual({
      output: 'table',
      from: `snapshot ${base('host-gw-dual')}`,
    });
  });

  test('./flanctl.yaml stands in place of the user’s file, it does not add to it', async () => {
    user(`snapshot: ${base('host-gw')}\noutput: json\n`);
    local(`snapshot: ${base('vxlan')}\n`);
    expect(await looked([])).toEqual({output: 'table', from: `snapshot ${base('vxlan')}`});
  });

  test('--config and FLANCTL_CONFIG name another', async () => {
    local('output: json\n');
    writeFileSync(work.file('other.yaml'), `snapshot: ${base('vxlan')}\n`);
    expect(await looked(['--config', work.file('other.yaml')])).toMatchObject({output: 'table'});
    expect(await looked([`--config=${work.file('other.yaml')}`])).toMatchObject({output: 'table'});
    expect(await looked([], {FLANCTL_CONFIG: work.file('other.yaml')})).toMatchObject({output: 'table'});
  });

  test('one source wins over every other source of the layers below', async () => {
    local('lab: no-such-lab\n');
    expect(await looked(['--snapshot', base('vxlan')])).toMatchObject({from: `snapshot ${base('vxlan')}`});
    expect(await looked([], {FLANCTL_SNAPSHOT: base('vxlan')})).toMatchObject({from: `snapshot ${base('vxlan')}`});
    expect(await looked(['--snapshot', base('vxlan')], {FLANCTL_INVENTORY: 'nowhere', FLANCTL_LOCAL: 'true'})).toMatchObject({
      from: `snapshot ${base('vxlan')}`,
    });
    expect((await flanctl(['gather', '--print-script'], {XDG_CONFIG_HOME: xdg}, cwd)).stdout).toMatch(/^# flanctl reads one node/);
  });

  test('lists, booleans and numbers of the file are those of the flags', async () => {
    local(`snapshot: ${base('vxlan')}\nrule: [route-missing, fdb-missing]\nquiet: true\ntimeout: 5\noutput: json\n`);
    const ran = await flanctl(['doctor'], {XDG_CONFIG_HOME: xdg}, cwd);
    expect(JSON.parse(ran.stdout)).toMatchObject({summary: {rules: 2}});
    local(`snapshot: ${base('vxlan')}\ntimeout: never\n`);
    expect(await flanctl(['doctor'], {XDG_CONFIG_HOME: xdg}, cwd)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--timeout: Expected an integer/) as string,
    });
  });

  test('an empty file is none, and keys of other commands are no mistake', async () => {
    local('');
    expect((await flanctl(['explain'], {XDG_CONFIG_HOME: xdg}, cwd)).code).toBe(0);
    local('snapshot: x\nconcurrency: 4\n');
    expect((await flanctl(['explain'], {XDG_CONFIG_HOME: xdg}, cwd)).code).toBe(0);
  });
});
