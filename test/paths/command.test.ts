import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Ajv2020} from 'ajv/dist/2020.js';
import {describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {edited, workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

const work = workFolder();
const base = (name: string): string => join(import.meta.dirname, `../bases/${name}.ndjson`);
const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/schema/TraceReport.json'), 'utf8')) as object;
const valid = new Ajv2020({strict: true, allowUnionTypes: true}).compile(schema);

interface Report {
  readonly exit: number;
  readonly directions: readonly {readonly verdict: string; readonly explained: {readonly rule: string} | null}[];
}

const broken = async (): Promise<string> =>
  work.snapshot(
    'broken.ndjson',
    await edited('vxlan', ['n1', 'bridge-fdb', (out) => out.replace(/dst 192\.168\.77\.12/, 'dst 192.168.77.99')]),
  );

describe('flanctl trace', () => {
  test('every form says the same, in its published schema, and the ladder fits 100 columns', async () => {
    const args = ['trace', 'n1-p1', 'n2-p1', '--snapshot', base('vxlan')];
    const [table, json, yaml] = await Promise.all([flanctl(args), flanctl([...args, '-o', 'json']), flanctl([...args, '-o', 'yaml'])]);
    expect([table.code, json.code, yaml.code]).toEqual([0, 0, 0]);
    const document = JSON.parse(json.stdout) as Report;
    expect(valid(document), JSON.stringify(valid.errors)).toBe(true);
    expect(parse(yaml.stdout)).toEqual(document);
    expect(document.directions.map((d) => d.verdict)).toEqual(['reachable', 'reachable']);
    expect(table.stdout).toContain('✔ reachable both ways');
    expect(table.stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });

  test('a broken way: exit 1, the fate, doctor’s rule and its remedy', async () => {
    const args = ['trace', 'n1-p1', 'n2-p1', '--snapshot', await broken()];
    const [table, json] = await Promise.all([flanctl(args), flanctl([...args, '-o', 'json'])]);
    expect([table.code, json.code]).toEqual([1, 1]);
    const document = JSON.parse(json.stdout) as Report;
    expect(valid(document), JSON.stringify(valid.errors)).toBe(true);
    expect(document.directions.map((d) => d.explained?.rule)).toEqual(['fdb-wrong-dst']);
    expect(table.stdout).toMatch(/✖ broken at hop 3: wrong-tunnel-end[\s\S]*n1# bridge fdb replace/);
  });

  test('the way back is walked for itself', async () => {
    const ran = await flanctl(['trace', 'n2-p1', 'n1-p1', '--snapshot', await broken(), '-o', 'json']);
    expect(ran.code).toBe(1);
    expect((JSON.parse(ran.stdout) as Report).directions.map((d) => d.verdict)).toEqual(['reachable', 'broken']);
  });

  test('a hop that nobody can look into: exit 3, and 0 where it is taken for good', async () => {
    const args = ['trace', 'n1-p1', '203.0.113.1', '--snapshot', base('vxlan')];
    expect((await flanctl(args)).code).toBe(3);
    expect((await flanctl([...args, '--assume-fabric'])).code).toBe(0);
  });

  test.each([
    [['nobody', 'n1-p1'], /no pod, node or address is called nobody/],
    [['n1-p1', 'n2-p1', '--port', '80'], /--port needs --proto/],
    [['n1-p1', 'n2-p1', '--family', '6'], /no IPv6 address/],
    [['203.0.113.1', 'n1-p1'], /nothing can be sent from there/],
  ])('%s is refused', async (words, message) => {
    const ran = await flanctl(['trace', ...words, '--snapshot', base('vxlan')]);
    expect([ran.code, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toMatch(message);
  });
});
