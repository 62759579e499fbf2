import {spawn} from 'node:child_process';
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {edited, without, workFolder} from '../edited.js';
import {flanctl, type Ran} from '../lab/flanctl.js';

const work = workFolder();
const bin = join(import.meta.dirname, '../../bin/run.js');
const healthy = join(import.meta.dirname, '../bases/vxlan.ndjson');
const env = {XDG_CONFIG_HOME: work.at};
const run = (args: readonly string[], more: NodeJS.ProcessEnv = {}) => flanctl(args, {...env, ...more}, work.at);
const colour = /\x1b\[/;

let broken: string;
beforeAll(async () => {
  broken = await work.snapshot('broken.ndjson', await edited('vxlan', ['n1', 'ip-route-all', without(/10\.244\.2\.0\/24 via/)]));
});

/** A shell line with the CLI as `$flanctl`; its last status. */
function shell(line: string): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', line], {
      env: {...process.env, ...env, NO_COLOR: '1', flanctl: `${process.execPath} ${bin}`},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (stdout += String(text)));
    child.stderr.on('data', (text: Buffer) => (stderr += String(text)));
    child.on('close', (code) => resolve({code, stdout, stderr}));
  });
}

describe('stdout has results, stderr the rest', () => {
  test('notices of a folder go to stderr, and --quiet silences them but no result and no error', async () => {
    writeFileSync(work.file('strange.txt'), 'x');
    const {mkdirSync} = await import('node:fs');
    mkdirSync(work.file('folder/n1'), {recursive: true});
    writeFileSync(work.file('folder/n1/ip-route.txt'), 'default via 10.0.0.1 dev eth0\n');
    writeFileSync(work.file('folder/n1/holiday.txt'), 'x');
    const loud = await run(['show', 'routes', '--snapshot', work.file('folder')]);
    const quiet = await run(['show', 'routes', '--snapshot', work.file('folder'), '--quiet']);
    expect(loud.stderr).toMatch(/holiday\.txt was passed over/);
    expect(quiet.stderr).toBe('');
    expect(quiet.stdout).toBe(loud.stdout);
    expect(loud.stdout).not.toMatch(/holiday/);
    expect((await run(['explain', 'frob', '--quiet'])).stderr).toMatch(/^error: /);
    expect((await run(['show', 'routes', '--snapshot', work.file('folder')], {FLANCTL_QUIET: '1'})).stderr).toBe('');
  });

  test('a machine form is one document and nothing else', async () => {
    const {stdout, stderr} = await run(['doctor', '--snapshot', broken, '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({apiVersion: 'flanctl.dev/v1alpha1', kind: 'DoctorReport', exit: 1});
    expect(stderr).toBe('');
  });
});

describe('colour', () => {
  test.each([
    ['none where nobody looks', [], {NO_COLOR: ''}, false],
    ['FORCE_COLOR', [], {NO_COLOR: '', FORCE_COLOR: '1'}, true],
    ['FORCE_COLOR=0', [], {NO_COLOR: '', FORCE_COLOR: '0'}, false],
    ['NO_COLOR before FORCE_COLOR', [], {NO_COLOR: '1', FORCE_COLOR: '1'}, false],
    ['--no-color before FORCE_COLOR', ['--no-color'], {NO_COLOR: '', FORCE_COLOR: '1'}, false],
    ['FLANCTL_NO_COLOR', [], {NO_COLOR: '', FORCE_COLOR: '1', FLANCTL_NO_COLOR: 'true'}, false],
    ['never in a machine form', ['-o', 'json'], {NO_COLOR: '', FORCE_COLOR: '1'}, false],
  ])('%s', async (what, args, more, expected) => {
    const ran = await run(['doctor', '--snapshot', broken, ...args], more);
    expect(ran.code).toBe(1);
    expect(colour.test(ran.stdout)).toBe(expected);
    const failed = await run(['explain', 'frob', ...args], more);
    expect(colour.test(failed.stderr)).toBe(expected || what.startsWith('never in'));
  });

  test('no-color of the configuration file', async () => {
    writeFileSync(work.file('colour.yaml'), 'no-color: true\n');
    const ran = await run(['doctor', '--snapshot', broken, '--config', work.file('colour.yaml')], {NO_COLOR: '', FORCE_COLOR: '1'});
    expect(colour.test(ran.stdout)).toBe(false);
  });
});

describe('a reader that goes away', () => {
  test.each(['table', 'json', 'yaml'])('of stdout is no error (-o %s)', async (form) => {
    const ran = await shell(`$flanctl show routes --snapshot ${healthy} -o ${form} | head -n 1; echo "\${PIPESTATUS[0]}"`);
    expect(ran.stderr).toBe('');
    expect(ran.stdout.trimEnd().split('\n').at(-1)).toBe('0');
  });

  test('of stdout that is closed before anything is printed', async () => {
    expect(await shell(`$flanctl doctor --snapshot ${broken} | true; echo "\${PIPESTATUS[0]}"`)).toEqual({
      code: 0,
      stdout: '1\n',
      stderr: '',
    });
  });

  test('of stderr is none either', async () => {
    expect((await shell(`$flanctl explain frob 2> >(true) ; echo $?`)).stdout).toBe('2\n');
  });
});

describe('an interrupt while a node hangs', () => {
  const silent = createServer(() => undefined);
  beforeAll(async () => {
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const {port} = silent.address() as {port: number};
    writeFileSync(
      work.file('silent.yaml'),
      `apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\nnodes:\n  - {name: n1, host: 127.0.0.1, port: ${port}, user: nobody}\n`,
    );
  });
  afterAll(() => silent.close());

  test.each([[['gather', '-f', 'never.br']], [['doctor']], [['diff']], [['show', 'neigh']], [['show', 'nodes']]])(
    '%j ends with 130, at once',
    async (args) => {
      const connected = new Promise<void>((resolve) => silent.once('connection', () => resolve()));
      const child = spawn(process.execPath, [bin, ...args, '--inventory', work.file('silent.yaml'), '-o', 'json'], {
        cwd: work.at,
        env: {...process.env, ...env, NO_COLOR: '1'},
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (text: Buffer) => (stdout += String(text)));
      child.stderr.on('data', (text: Buffer) => (stderr += String(text)));
      await connected;
      const began = Date.now();
      child.kill('SIGINT');
      const code = await new Promise((resolve) => child.on('close', resolve));
      expect({code, stderr}).toEqual({code: 130, stderr: 'error: interrupted\n'});
      expect(Date.now() - began).toBeLessThan(10_000);
      expect(JSON.parse(stdout)).toMatchObject({kind: 'Error', error: {exit: 130}});
      expect(existsSync(work.file('never.br'))).toBe(false);
    },
  );
});

test('a bug ends with 70 and names a crash file that tells where', async () => {
  const broke = work.file('broke.mjs');
  writeFileSync(
    broke,
    `import fs from 'node:fs/promises';
import {syncBuiltinESMExports} from 'node:module';
const real = fs.readFile;
fs.readFile = (file, ...rest) => (String(file).endsWith('.md') ? Promise.reject(new TypeError('broken on purpose')) : real(file, ...rest));
syncBuiltinESMExports();
`,
  );
  const ran = await run(['explain', 'route-missing', '-o', 'json'], {NODE_OPTIONS: `--import ${broke}`});
  expect(ran.code).toBe(70);
  expect(ran.stderr).toMatch(/^error: this is a bug in flanctl: broken on purpose\n/);
  expect(JSON.parse(ran.stdout)).toMatchObject({kind: 'Error', error: {exit: 70}});
  const file = /report it with (\S+)/.exec(ran.stderr)![1]!;
  const text = readFileSync(file, 'utf8');
  rmSync(dirname(file), {recursive: true});
  expect(text).toMatch(/^flanctl 0\.\d+\.\d+ node v\d+/);
  expect(text).toMatch(/command: explain\n[\s\S]*TypeError: broken on purpose\n\s+at /);
});
