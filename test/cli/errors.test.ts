import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

const work = workFolder();
const healthy = join(import.meta.dirname, '../bases/vxlan.ndjson');
const write = (name: string, text: string): string => {
  writeFileSync(work.file(name), text);
  return work.file(name);
};
const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => flanctl(args, {XDG_CONFIG_HOME: work.at, ...env}, work.at);
const head = 'apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\n';
mkdirSync(work.file('empty'));

/** Each error names the flag or file it is about, and what to do. */
const mistakes: readonly (readonly [what: string, args: readonly string[], message: RegExp, hint?: RegExp])[] = [
  ['a flag that does not exist', ['doctor', '--frob'], /--frob/, /doctor --help/],
  ['a value that is none of the choices', ['doctor', '-o', 'xml'], /--output=xml.*table, json, yaml/, /--help/],
  ['a number that is none', ['doctor', '--timeout', 'soon'], /--timeout: Expected an integer but received: soon/, /--help/],
  ['an argument too many', ['doctor', '--quiet', 'now'], /Unexpected argument: now/, /--help/],
  ['two sources', ['doctor', '--snapshot', healthy, '--lab', 'x'], /--lab=x cannot also be provided when using --snapshot/, /--help/],
  ['an unknown rule', ['doctor', '--snapshot', healthy, '--rule', 'frob'], /--rule: no such rule: frob/, /flanctl explain/],
  ['an unknown node', ['doctor', '--snapshot', healthy, '--node', 'n9'], /--node: no such node: n9/, /nodes: n1, n2, n3/],
  ['no source', ['doctor'], /nothing to look at/, /--inventory FILE[\s\S]*--snapshot[\s\S]*--lab[\s\S]*--local/],
  ['a snapshot that is not there', ['doctor', '--snapshot', 'nowhere'], /--snapshot: cannot read nowhere: no such file/, /flanctl gather/],
  [
    'a snapshot that is none',
    ['doctor', '--snapshot', write('other.json', '{"kind": "Pod"}\n')],
    /other\.json is not a snapshot.*Pod/,
    /flanctl gather/,
  ],
  [
    'a snapshot with a broken line',
    ['doctor', '--snapshot', write('cut.ndjson', '{"apiVersion":"flanctl.dev/v1alpha1","kind":"Snapshot"}\n{"node":"n1"')],
    /cut\.ndjson, line 2: .*cut off or damaged/,
    /again/,
  ],
  [
    'a snapshot whose node has no sections',
    ['doctor', '--snapshot', write('odd.ndjson', '{"apiVersion":"flanctl.dev/v1alpha1","kind":"Snapshot"}\n{"node":"n1","via":"x"}\n')],
    /odd\.ndjson, line 2: .*sections/,
  ],
  [
    'a folder with nothing in it',
    ['doctor', '--snapshot', work.file('empty')],
    /empty holds no dump and no folder of a node/,
    /ip-route\.txt/,
  ],
  ['an inventory that is not there', ['doctor', '--inventory', 'nowhere.yaml'], /inventory nowhere\.yaml: no such file/],
  [
    'an inventory that is not YAML',
    ['doctor', '--inventory', write('bad.yaml', `${head}nodes: [\n  {name: n1\n`)],
    /bad\.yaml is not YAML/,
    /line [45]: /,
  ],
  [
    'an inventory with several mistakes',
    [
      'doctor',
      '--inventory',
      write(
        'wrong.yaml',
        `${head}nodes:\n  - name: n1\n    via: pigeon\n  - name: n2\n    lease: {subnet: 10.244.1.0}\n    colour: blue\n`,
      ),
    ],
    /wrong\.yaml is not a valid inventory/,
    /line 5: nodes\.0\.via: [\s\S]*line 7: nodes\.1\.lease\.subnet: not a prefix[\s\S]*line [68]: nodes\.1\.colour: /,
  ],
  [
    'an inventory with a node twice',
    ['doctor', '--inventory', write('twice.yaml', `${head}nodes:\n  - {name: n1}\n  - {name: n1}\n`)],
    /twice\.yaml, line 5: node n1 is listed twice/,
  ],
  ['a lab that is not there', ['doctor', '--lab', 'no-such-lab'], /there is no lab no-such-lab/, /.+/],
  [
    'a net-conf that is not there',
    ['doctor', '--snapshot', healthy, '--net-conf', 'nowhere.json'],
    /--net-conf: cannot read nowhere\.json/,
  ],
  [
    'a net-conf that is not JSON',
    ['doctor', '--snapshot', healthy, '--net-conf', write('conf.json', '{')],
    /--net-conf: .*conf\.json is not JSON/,
    /"Backend"/,
  ],
  [
    'a place that cannot be written',
    ['gather', '--snapshot', healthy, '-f', 'no/such/folder/x'],
    /cannot be written to no\/such\/folder\/x/,
    /-f FILE/,
  ],
  ['an address that is none', ['show', 'routes', '--snapshot', healthy, '--to', '10.1'], /--to: not an IP address: 10\.1/],
  ['a topic that is none', ['explain', 'route-mis'], /no rule and no mode is called route-mis/, /did you mean route-missing/],
  ['a configuration file that is not there', ['doctor', '--config', 'nowhere.yaml'], /configuration file nowhere\.yaml/, /--config/],
  [
    'an unknown key',
    ['doctor', '--config', write('key.yaml', 'frobnicate: 1\n')],
    /key\.yaml: unknown key "frobnicate"/,
    /snapshot, inventory/,
  ],
  [
    'a configuration that is not YAML',
    ['doctor', '--config', write('broken.yaml', 'lab: x\nnode: [a\n')],
    /broken\.yaml, line [23]: not YAML/,
  ],
  [
    'a configuration with a map for a value',
    ['doctor', '--config', write('map.yaml', 'lab: {name: x}\n')],
    /map\.yaml: lab must be one value/,
  ],
];

describe('usage and configuration errors', () => {
  test.each(mistakes.map(([what, ...rest]) => [what, rest] as const))('%s', async (_, [args, message, hint]) => {
    const ran = await run(args);
    expect({code: ran.code, stdout: ran.stdout}, ran.stderr).toEqual({code: 2, stdout: ''});
    expect(ran.stderr).toMatch(/^error: /);
    expect(ran.stderr).toMatch(message);
    if (hint) expect(ran.stderr.slice(ran.stderr.indexOf('\n'))).toMatch(hint);
    // No stack, and nothing of the parser's innards.
    expect(ran.stderr).not.toMatch(/\n\s+at |\[object Object\]|node_modules/);
    expect(ran.stderr.length).toBeLessThan(800);
  });

  test.each(['json', 'yaml'])('-o %s gives the same as a document of kind Error on stdout', async (form) => {
    const ran = await run(['explain', 'route-mis', '-o', form]);
    expect(ran.code).toBe(2);
    expect(form === 'json' ? JSON.parse(ran.stdout) : parse(ran.stdout)).toEqual({
      apiVersion: 'flanctl.dev/v1alpha1',
      kind: 'Error',
      error: {
        message: 'no rule and no mode is called route-mis',
        hints: ['did you mean route-missing?', 'flanctl explain lists all'],
        exit: 2,
      },
    });
    expect(ran.stderr).toMatch(/^error: no rule/);
  });

  test('-o of the parser’s own errors, of a broken configuration, and by the environment', async () => {
    for (const [args, env] of [
      [['doctor', '--frob', '-o', 'json'], {}],
      [['doctor', '--output=json', '--config', 'nowhere.yaml'], {}],
      [['doctor', '-ojson', '--timeout', 'x'], {}],
      [['doctor', '--snapshot', 'nowhere'], {FLANCTL_OUTPUT: 'json'}],
    ] as const) {
      const ran = await run(args, env);
      expect({code: ran.code, document: JSON.parse(ran.stdout)}).toMatchObject({code: 2, document: {kind: 'Error', error: {exit: 2}}});
    }
  });
});
