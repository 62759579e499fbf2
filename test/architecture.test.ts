import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative, resolve} from 'node:path';
import {describe, expect, test} from 'vitest';
import {tables} from '../src/core/kernel/index.js';
import {modes} from '../src/core/modes/index.js';
import {rules} from '../src/core/rules/index.js';
import {controllers} from '../src/edge/change/controllers/index.js';
import {faults} from '../src/edge/lab/faults/index.js';
import {transports} from '../src/edge/transports/index.js';

const root = resolve(import.meta.dirname, '..');
const src = join(root, 'src');
const files = readdirSync(src, {recursive: true, encoding: 'utf8'}).filter((f) => f.endsWith('.ts'));
const imports = (file: string): string[] =>
  [...readFileSync(join(src, file), 'utf8').matchAll(/(?:from|import)\s+'([^']+)'|import\('([^']+)'\)/g)].map((m) => m[1] ?? m[2]!);
const local = (file: string): string[] =>
  imports(file)
    .filter((i) => i.startsWith('.'))
    .map((i) => relative(src, resolve(src, dirname(file), i)));

/** Inside core, each room may use those to its left and itself. */
const rooms = ['net', 'kernel', 'node', 'forwarding', 'flannel', 'cloud', 'modes', 'model', 'rules', 'path', 'change', 'redact'];
const mayUse: Record<string, readonly string[]> = {
  net: [],
  kernel: ['net'],
  flannel: ['net', 'kernel'],
  node: ['net', 'kernel', 'flannel'],
  forwarding: ['net', 'kernel', 'node'],
  cloud: ['net', 'flannel'],
  modes: ['net', 'kernel', 'flannel', 'node', 'forwarding'],
  model: ['net', 'kernel', 'flannel', 'cloud', 'node', 'forwarding', 'modes'],
  rules: ['net', 'kernel', 'flannel', 'cloud', 'node', 'forwarding', 'modes', 'model'],
  path: ['net', 'kernel', 'flannel', 'cloud', 'node', 'forwarding', 'modes', 'model'],
  redact: ['net', 'kernel', 'flannel', 'node'],
  // A change is proven with the walk before it is made.
  change: ['net', 'kernel', 'flannel', 'cloud', 'node', 'forwarding', 'modes', 'model', 'path'],
};

describe('dependencies point one way', () => {
  test('the core is pure: it imports only itself, its few libraries and pure parts of Node', () => {
    const allowed = new Set(['node:net', 'node:util', 'ip-bigint', 'cidr-tools']);
    const stray = files
      .filter((f) => f.startsWith('core/'))
      .flatMap((f) => [
        ...imports(f)
          .filter((i) => !i.startsWith('.') && !allowed.has(i))
          .map((i) => `${f} -> ${i}`),
        ...local(f)
          .filter((i) => !i.startsWith('core/'))
          .map((i) => `${f} -> ${i}`),
      ]);
    expect(stray).toEqual([]);
  });

  test('the core asks no clock, chance, process or console', () => {
    const asks = /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.|\bconsole\.|\bsetTimeout\b|\bfetch\(/;
    expect(
      files.filter((f) => f.startsWith('core/') && asks.test(readFileSync(join(src, f), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''))),
    ).toEqual([]);
  });

  test('inside the core no room looks to its right', () => {
    const room = (path: string) => path.split('/')[1]!;
    expect([...new Set(files.filter((f) => f.startsWith('core/')).map(room))].filter((r) => !rooms.includes(r))).toEqual([]);
    const stray = files
      .filter((f) => f.startsWith('core/'))
      .flatMap((f) =>
        local(f)
          .filter((i) => room(i) !== room(f) && !mayUse[room(f)]!.includes(room(i)))
          .map((i) => `${f} -> ${i}`),
      );
    expect(stray).toEqual([]);
  });

  test('commands are not imported, and only commands import the base command', () => {
    expect(files.filter((f) => local(f).some((i) => i.startsWith('commands/')))).toEqual([]);
  });

  test('commands stay short and format nothing', () => {
    const long = files.filter((f) => f.startsWith('commands/') && readFileSync(join(src, f), 'utf8').split('\n').length > 75);
    expect(long).toEqual([]);
    expect(files.filter((f) => f.startsWith('commands/') && imports(f).some((i) => i === 'chalk' || i === 'cli-table3'))).toEqual([]);
  });
});

describe('every list names what its folder holds', () => {
  const listed = (dir: string, helpers: readonly string[]) =>
    readdirSync(join(src, dir), {withFileTypes: true})
      .filter((e) => e.isFile() && e.name.endsWith('.ts'))
      .map((e) => e.name.replace(/\.ts$/, ''))
      .filter((f) => !['index', ...helpers].includes(f))
      .sort();
  test('rules, each with a page', () => {
    expect(rules.map((r) => r.id).sort()).toEqual(listed('core/rules', ['rule', 'token', 'fold', 'examine', 'remedy', ...ruleHelpers]));
    expect(rules.filter((r) => !existsSync(join(root, 'docs/rules', `${r.id}.md`))).map((r) => r.id)).toEqual([]);
    expect(
      readdirSync(join(root, 'docs/rules'))
        .map((f) => f.replace(/\.md$/, ''))
        .sort(),
    ).toEqual(rules.map((r) => r.id).sort());
  });
  test('modes, each with a page', () => {
    expect(modes.map((m) => m.type).sort()).toEqual(listed('core/modes', ['mode', 'settings', 'direct-route', 'tunnel-weight']));
    expect(modes.filter((m) => !existsSync(join(root, 'docs/modes', `${m.type}.md`))).map((m) => m.type)).toEqual([]);
  });
  /**
   * What the core asks of a mode is a property of it: a new mode is one file and one line. A rule may be about certain modes (`modes:`);
   * flannel takes a configuration without a type for udp; and what the kernel calls its own devices and protocols is no mode's name.
   */
  test('the core names no mode outside of their folder', () => {
    const kernels = new Set(['vxlan', 'udp', 'ipip', 'wireguard']);
    const own = modes.map((m) => m.type).filter((type) => !kernels.has(type));
    const named = new RegExp(`'(${own.join('|')})'`);
    const asked = /(mode\??|target|from|to)\??\.type (===|!==) '|backendType (===|!==) '|switch \([\w.?]*mode\??\.type\)/;
    const stray = files
      .filter((f) => f.startsWith('core/') && !f.startsWith('core/modes/'))
      .flatMap((f) => {
        const text = readFileSync(join(src, f), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$|^ {2}modes: \[[^\]]*\],$/gm, '');
        return text.split('\n').flatMap((line) => (named.test(line) || asked.test(line) ? [`${f}: ${line.trim()}`] : []));
      });
    expect(stray).toEqual([]);
  });
  test('faults', () =>
    expect(faults.map((f) => f.id).sort()).toEqual(
      [
        ...listed('edge/lab/faults', ['encapsulation', 'extension-rows', 'fault', 'peer-row', 'tunnel']),
        ...listed('edge/lab/faults/cloud', ['places']),
      ].sort(),
    ));
  test('kernel tables', () =>
    expect(
      Object.values(tables)
        .map((t) => t.name)
        .sort(),
    ).toEqual(Object.keys(tables).sort()));
  test('controllers', () => expect(Object.keys(controllers).sort()).toEqual(listed('edge/change/controllers', ['controller'])));
  test('transports have a file each', () =>
    expect(Object.keys(transports).filter((t) => !existsSync(join(src, 'edge/transports', `${t}.ts`)))).toEqual([]));
});

/** Files of core/rules that several rules share. */
const ruleHelpers: readonly string[] = [
  'restart-gap',
  'bridge-state',
  'cloud-rows',
  'cloud-steps',
  'exclusive-pods',
  'global-router',
  'policy-pods',
  'default-gateway',
  'device-missing',
  'flows',
  'forward-accept',
  'idle-tunnel',
  'masquerade',
  'outer-packets',
  'pair',
  'policy',
  'published',
  'rebuild',
  'recorded-pods',
  'restart',
  'sysctl',
  'wg-peers',
  'witness',
];

test('the top level holds what it should and nothing else', () => {
  const allowed = [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'src',
    'bin',
    'test',
    'docs',
    'README.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'lib',
    'node_modules',
    'oclif.manifest.json',
    'coverage',
  ];
  expect(readdirSync(root).filter((f) => !f.startsWith('.') && !allowed.includes(f))).toEqual([]);
});

test('a file of over 250 lines says why at its top', () => {
  const long = files.filter((f) => {
    const text = readFileSync(join(src, f), 'utf8');
    return text.split('\n').length > 251 && !/[Oo]ver 250 lines|[Ll]ong because/.test(text.slice(0, 1200));
  });
  expect(long).toEqual([]);
});
