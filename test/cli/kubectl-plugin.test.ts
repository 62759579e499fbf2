import {execFile} from 'node:child_process';
import {mkdtempSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const path = mkdtempSync(join(tmpdir(), 'flanctl-plugin-'));
// What npm makes of package.json's "bin".
beforeAll(() => symlinkSync(join(root, 'bin/run.js'), join(path, 'kubectl-flanctl')));
afterAll(() => rmSync(path, {recursive: true}));

const kubectl = (...args: readonly string[]) =>
  new Promise<{code: unknown; stdout: string; stderr: string}>((done) => {
    const env = {...process.env, PATH: `${path}:${process.env['PATH']}`, NO_COLOR: '1', XDG_CONFIG_HOME: path, HOME: path};
    execFile('kubectl', args, {env, cwd: path}, (error, stdout, stderr) => done({code: error?.code ?? 0, stdout, stderr}));
  });

test('kubectl finds it and runs it, with its words and its exit code', async () => {
  const ran = await kubectl('flanctl', 'doctor', '--snapshot', join(root, 'test/bases/vxlan.ndjson'));
  expect(ran).toMatchObject({code: 0, stdout: expect.stringContaining('healthy')});
  const wrong = await kubectl('flanctl', 'doctor', '--snapshot', 'nowhere');
  expect(wrong).toMatchObject({code: 2, stderr: expect.stringContaining('no such file or folder')});
});

test('its help is called as it was', async () => {
  const {stdout} = await kubectl('flanctl', 'doctor', '--help');
  expect(stdout).toContain('$ kubectl flanctl doctor --lab demo');
  expect(stdout).not.toMatch(/\$ flanctl/);
});
