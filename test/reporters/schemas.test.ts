import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Ajv2020} from 'ajv/dist/2020.js';
import {beforeAll, describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {publishedSchemas} from '../../src/edge/reporters/schema.js';
import {edited, without, workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

/** Every machine form is a document of its published schema; the schemas are strict, so a field nobody promised fails. */
const folder = join(import.meta.dirname, '../../docs/schema');
const work = workFolder();
const base = (name: string): string => join(import.meta.dirname, `../bases/${name}.ndjson`);
const published = (kind: string): object => JSON.parse(readFileSync(join(folder, `${kind}.json`), 'utf8')) as object;
const ajv = new Ajv2020({strict: true, allowUnionTypes: true, allErrors: true});
const validators = new Map(
  readdirSync(folder).map((file) => [file.replace(/\.json$/, ''), ajv.compile(published(file.replace(/\.json$/, '')))]),
);

function problems(document: unknown): unknown {
  const {kind} = document as {kind: string};
  const validate = validators.get(kind);
  if (!validate) return `there is no schema of ${kind}`;
  return validate(document) ? [] : validate.errors;
}

test('docs/schema is what the code is compiled against (node bin/schemas.js writes it)', () => {
  expect(Object.fromEntries([...validators.keys()].sort().map((kind) => [kind, published(kind)]))).toEqual(
    JSON.parse(JSON.stringify(publishedSchemas())),
  );
});

describe('what is printed is what is promised', () => {
  let broken: string;
  let lost: string;
  beforeAll(async () => {
    // One fault with a consequence under it, one with rows that differ, and one with rows too many.
    broken = await work.snapshot(
      'broken.ndjson',
      await edited(
        'vxlan-dual',
        ['n1', 'ip-link', (out) => out.replace(/(flannel\.1: <[^>]*?)UP,LOWER_UP/, '$1').replace(/(flannel\.1:.*state )UNKNOWN/, '$1DOWN')],
        ['n1', 'ip-route-all', without(/dev flannel\.1/)],
        ['n2', 'bridge-fdb', (out) => out.replace(/dst 192\.168\.77\.13/, 'dst 192.168.77.99')],
        [
          'n3',
          'ip-6-route-all',
          (out) =>
            `${out.trimEnd()}\nunicast fd44:0:0:99::/64 via fd44:0:0:99:: dev flannel-v6.1 table main proto boot scope global metric 1024 onlink pref medium\n`,
        ],
      ),
    );
    const [first, ...rest] = await edited('vxlan', ['n2', 'ip-neigh', () => undefined]);
    lost = await work.snapshot('lost.ndjson', [{...first!, sections: [], failure: {kind: 'timeout', message: 'no answer'}}, ...rest]);
  });

  const commands: readonly (readonly [string, (files: {broken: string; lost: string}) => readonly string[]])[] = [
    ...['vxlan', 'vxlan-dual', 'vxlan-direct', 'host-gw', 'host-gw-dual'].map(
      (name) => [`doctor ${name}`, () => ['doctor', '--snapshot', base(name)]] as const,
    ),
    ['doctor of faults', ({broken: file}) => ['doctor', '--snapshot', file]],
    ['doctor with gaps', ({lost: file}) => ['doctor', '--snapshot', file]],
    ['diff', () => ['diff', '--snapshot', base('vxlan-dual')]],
    ['diff of faults', ({broken: file}) => ['diff', '--snapshot', file]],
    ['diff with gaps', ({lost: file}) => ['diff', '--snapshot', file]],
    ...['routes', 'neigh', 'fdb', 'rules', 'nodes'].map(
      (table) => [`show ${table}`, ({broken: file}: {broken: string}) => ['show', table, '--snapshot', file]] as const,
    ),
    ['show with gaps', ({lost: file}) => ['show', 'neigh', '--snapshot', file]],
    ['explain', () => ['explain']],
    ['explain a rule', () => ['explain', 'route-missing']],
    ['explain a mode', () => ['explain', 'vxlan']],
    ['gather', ({lost: file}) => ['gather', '--snapshot', file, '-f', work.file('copy.br')]],
    ['lab list', () => ['lab', 'list']],
    ['lab break without a fault', () => ['lab', 'break']],
    ['an error', () => ['explain', 'frob']],
  ];
  test.each(commands)('%s', async (_, args) => {
    const words = args({broken, lost});
    const [json, yaml] = await Promise.all(
      ['json', 'yaml'].map((form) => flanctl([...words, '-o', form, '--quiet'], {XDG_CONFIG_HOME: work.at}, work.at)),
    );
    const document = JSON.parse(json!.stdout) as unknown;
    expect(problems(document)).toEqual([]);
    expect(parse(yaml!.stdout)).toEqual(document);
    expect(yaml!.code).toBe(json!.code);
  });

  test('the faults are of every sign, with a consequence', async () => {
    const diff = JSON.parse((await flanctl(['diff', '--snapshot', broken, '-o', 'json'])).stdout) as {entries: {sign: string}[]};
    expect([...new Set(diff.entries.map((e) => e.sign))].sort()).toEqual(['+', '-', '~']);
    const doctor = JSON.parse((await flanctl(['doctor', '--snapshot', broken, '-o', 'json'])).stdout) as {
      findings: {consequences: unknown[]}[];
    };
    expect(doctor.findings.some((f) => f.consequences.length > 0)).toBe(true);
  });
});

describe('a document that is wrong is seen to be', () => {
  test.each([
    ['a field too many', (d: Record<string, unknown>) => ({...d, extra: 1})],
    ['a field too few', ({summary: _, ...d}: Record<string, unknown>) => d],
    ['a wrong type', (d: Record<string, unknown>) => ({...d, exit: '0'})],
    ['another kind', (d: Record<string, unknown>) => ({...d, kind: 'DiffReport'})],
    ['another version', (d: Record<string, unknown>) => ({...d, apiVersion: 'flanctl.dev/v2'})],
    ['a severity there is not', (d: Record<string, unknown>) => ({...d, findings: [{severity: 'fatal'}]})],
  ])('%s', async (_, spoil) => {
    const good = JSON.parse((await flanctl(['doctor', '--snapshot', base('vxlan'), '-o', 'json'])).stdout) as Record<string, unknown>;
    expect(problems(good)).toEqual([]);
    expect(problems(spoil(good))).not.toEqual([]);
  });
});
