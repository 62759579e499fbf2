import {writeFileSync} from 'node:fs';
import {createServer, type Server} from 'node:net';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {edited, without, workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

/**
 * The exit codes of the output contract: each command with evidence that asks for it, and the same for every `-o`. Each case has its turn with
 * one form, so that every command and every code meets every form, which is all that one can have to do with the other; FLANCTL_TEST_LONG runs
 * every case with every form.
 */
const work = workFolder();
const base = (name: string): string => join(import.meta.dirname, `../bases/${name}.ndjson`);
const forms = ['table', 'json', 'yaml'] as const;
const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => flanctl(args, {XDG_CONFIG_HOME: work.at, ...env}, work.at);

let silent: Server;
const files: Record<string, string> = {};
beforeAll(async () => {
  files['healthy'] = base('vxlan');
  files['broken'] = await work.snapshot('broken.ndjson', await edited('vxlan', ['n1', 'ip-route-all', without(/10\.244\.2\.0\/24 via/)]));
  files['warned'] = await work.snapshot(
    'warned.ndjson',
    await edited('vxlan', ['n1', 'ip-neigh', (out) => out.replace(/^(10\.244\.2\.0 .*)PERMANENT/m, '$1REACHABLE')]),
  );
  files['blind'] = await work.snapshot('blind.ndjson', await edited('vxlan', ['n1', 'ip-neigh', () => undefined]));
  const [first, ...rest] = await edited('vxlan', ['n1', 'host', (out) => `${out}x`]);
  files['lost'] = await work.snapshot('lost.ndjson', [
    {...first!, sections: [], failure: {kind: 'timeout', message: 'no answer'}},
    ...rest,
  ]);
  silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const {port} = silent.address() as {port: number};
  writeFileSync(
    work.file('silent.yaml'),
    `apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\nnodes:\n  - {name: n1, host: 127.0.0.1, port: ${port}, user: nobody}\n`,
  );
});
afterAll(() => {
  silent.close();
});

const cases: readonly (readonly [string, readonly string[], number])[] = [
  ['doctor of a healthy cluster', ['doctor', '--snapshot', 'healthy'], 0],
  ['doctor with an error', ['doctor', '--snapshot', 'broken'], 1],
  ['doctor with a warning', ['doctor', '--snapshot', 'warned'], 0],
  ['doctor with a warning and --fail-on warning', ['doctor', '--snapshot', 'warned', '--fail-on', 'warning'], 1],
  ['doctor that could not see a table', ['doctor', '--snapshot', 'blind'], 3],
  ['doctor that could not read a node', ['doctor', '--snapshot', 'lost'], 3],
  ['doctor of a bad flag', ['doctor', '--snapshot', 'healthy', '--frob'], 2],
  ['diff of a healthy cluster', ['diff', '--snapshot', 'healthy'], 0],
  ['diff with a difference', ['diff', '--snapshot', 'broken'], 1],
  ['diff that could not see a table', ['diff', '--snapshot', 'blind'], 3],
  ['diff that could not read a node', ['diff', '--snapshot', 'lost'], 3],
  ['diff of a node that is not there', ['diff', '--snapshot', 'healthy', '--node', 'n9'], 2],
  ['show routes', ['show', 'routes', '--snapshot', 'healthy'], 0],
  ['show neigh that was not read', ['show', 'neigh', '--snapshot', 'blind'], 3],
  ['show nodes with one that could not be read', ['show', 'nodes', '--snapshot', 'lost'], 3],
  ['show rules of a node that is not there', ['show', 'rules', '--snapshot', 'healthy', '--node', 'n9'], 2],
  ['show fdb', ['show', 'fdb', '--snapshot', 'healthy', '--dev', 'flannel.1'], 0],
  ['explain', ['explain'], 0],
  ['explain a rule', ['explain', 'route-missing'], 0],
  ['explain what is not there', ['explain', 'frob'], 2],
];
const long = process.env['FLANCTL_TEST_LONG'] !== undefined;
const turn = (form: (typeof forms)[number]) => cases.filter((_, i) => long || forms[i % forms.length] === form);

test('every command and every code meets every form', () => {
  const words = (of: typeof cases): readonly string[] => [...new Set(of.flatMap(([, [command], code]) => [command!, String(code)]))].sort();
  for (const form of forms) expect(words(turn(form))).toEqual(words(cases));
});

describe.each(forms)('-o %s', (form) => {
  test.each(turn(form))('%s', async (_, args, code) => {
    const ran = await run([...args.map((word) => files[word] ?? word), '-o', form, '--quiet']);
    expect({code: ran.code, printed: ran.stdout !== '' || form === 'table'}, ran.stderr).toEqual({code, printed: true});
    if (form === 'json' && code !== 2) {
      const {exit} = JSON.parse(ran.stdout) as {exit?: number};
      if (exit !== undefined) expect(exit).toBe(code);
    }
    // What is no result says so on stderr, and a result says nothing there.
    expect(ran.stderr === '').toBe(code !== 2);
  });

  test('gather: 0 with all nodes, 3 when one could not be read to the end, and when none could', async () => {
    const out = work.file(`out-${form}.ndjson.br`);
    expect((await run(['gather', '--snapshot', files['healthy']!, '-f', out, '-o', form])).code).toBe(0);
    expect((await run(['gather', '--snapshot', files['lost']!, '-f', out, '-o', form])).code).toBe(3);
    const none = await run(['gather', '--inventory', work.file('silent.yaml'), '--timeout', '1', '-f', work.file('never'), '-o', form]);
    expect(none.code).toBe(3);
    expect(none.stderr).toMatch(/no node could be read[\s\S]*n1: timed out/);
  });

  test('live commands on a node that never answers end with 3', async () => {
    for (const command of [['doctor'], ['diff'], ['show', 'routes']]) {
      const ran = await run([...command, '--inventory', work.file('silent.yaml'), '--timeout', '1', '-o', form]);
      expect({command, code: ran.code}).toEqual({command, code: 3});
      expect(ran.stderr).toMatch(/read 0 of 1 nodes/);
    }
  });
});

test('a command that does not exist is a usage error', async () => {
  expect(await run(['frobnicate'])).toMatchObject({code: 2, stdout: ''});
  expect(await run(['show', 'frob'])).toMatchObject({code: 2, stdout: ''});
});
