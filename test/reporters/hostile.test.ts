import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import fc from 'fast-check';
import {beforeAll, describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {shell} from '../../src/core/kernel/commands.js';
import type {Finding} from '../../src/core/rules/fold.js';
import {oneLine, printable} from '../../src/edge/ui/escape.js';
import {loadBase} from '../bases/bases.js';
import {workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

/** Text of nodes that wants to be more than text. */
const work = workFolder();
const steering = /(?![\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
/** A device name the kernel would take: no blank, no slash, no colon. */
const device = `e$(id>x)\`id\`'"\u0007\u202e;&|*`;
const nodeName = `n1\u001b]0;owned\u0007\u202e$(rm -rf ~)\n✔ healthy`;
const message = 'refused\u001b[2J\u001b[H\r✔ all is well\n✔ healthy  (1 rule on 1 node)\u2028\u009b31m';
const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => flanctl(args, {XDG_CONFIG_HOME: work.at, ...env}, work.at);

let snapshot: string;
beforeAll(async () => {
  const [first, second, third] = await loadBase('host-gw');
  const named = {
    ...first!,
    node: nodeName,
    via: message,
    sections: first!.sections.map((s) => ({
      ...s,
      out: (s.name === 'ip-route-all' ? s.out.replace(/^.*10\.244\.2\.0\/24.*\n/m, '') : s.out).replaceAll('eth0', device),
      // What printed it is quoted too.
      command: `${s.command}\u001b[1m\n`,
    })),
  };
  const odd = {name: 'ip-neigh', command: 'ip neigh show', rc: 255, out: '', err: message};
  const failed = {...third!, sections: [], failure: {kind: 'exec', message}};
  snapshot = await work.snapshot('hostile', [
    named,
    {...second!, sections: second!.sections.map((s) => (s.name === 'ip-neigh' ? odd : s))},
    failed,
  ]);
});

describe('what a terminal gets', () => {
  test.each([['doctor'], ['diff'], ['show nodes'], ['show routes'], ['show neigh'], ['show fdb'], ['show rules'], ['gather -f copy']])(
    '%s',
    async (command) => {
      for (const form of ['table', 'json']) {
        const ran = await run([...command.split(' '), '--snapshot', snapshot, '-o', form]);
        expect([1, 3]).toContain(ran.code);
        expect(ran.stdout + ran.stderr).not.toMatch(steering);
        // A name cannot begin a line of its own.
        expect(ran.stdout).not.toMatch(/^(✔ healthy|✔ all is well)/m);
      }
      const json = JSON.parse((await run([...command.split(' '), '--snapshot', snapshot, '-o', 'json'])).stdout) as unknown;
      expect(JSON.stringify(json)).toContain(JSON.stringify(nodeName).slice(1, -1));
      expect((await run([...command.split(' '), '--snapshot', snapshot, '-o', 'yaml'])).stdout).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f]/);
      expect(parse((await run([...command.split(' '), '--snapshot', snapshot, '-o', 'yaml'])).stdout)).toEqual(json);
    },
  );

  test('errors that quote what they were given', async () => {
    writeFileSync(
      work.file('inventory.yaml'),
      `apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\nnodes:\n  - {name: "a\\e[31mb"}\n  - {"\\e[2J\\u202e": 1, name: c}\n`,
    );
    for (const args of [
      ['doctor', '--inventory', 'inventory.yaml'],
      ['explain', 'x\u001b[31m\u202e'],
      ['doctor', '--snapshot', snapshot, '--node', '\u001b[2J'],
      ['doctor', '--snapshot', '\u001b[31mnowhere'],
      ['doctor', '--\u001b[31m'],
    ]) {
      const ran = await run(args);
      expect(ran.code).toBe(2);
      expect(ran.stderr).not.toMatch(steering);
    }
  });

  test('and a node that is reached, or is not, under such a name', async () => {
    writeFileSync(
      work.file('names.yaml'),
      `apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\nnodes:\n  - {name: "a$(id)\\u202e'", host: 127.0.0.1, port: 1}\n`,
    );
    const ran = await run(['doctor', '--inventory', 'names.yaml', '--timeout', '2']);
    expect(ran.code).toBe(3);
    expect(ran.stdout + ran.stderr).not.toMatch(steering);
  });
});

describe('what a shell gets', () => {
  test('a device name stays one word in every command of a remedy', async () => {
    const {findings} = JSON.parse((await run(['doctor', '--snapshot', snapshot, '-o', 'json'])).stdout) as {findings: readonly Finding[]};
    const steps = findings.flatMap((f) => f.remedy.steps).filter((s) => s.run.includes('dev'));
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.some((s) => s.run.includes('10.244.2.0/24'))).toBe(true);
    for (const {run: command} of steps) {
      execFileSync('sh', ['-n', '-c', command]);
      const words = execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], {encoding: 'utf8', cwd: work.at}).split('\0');
      expect(words[words.indexOf('dev') + 1]).toBe(device);
    }
  });

  test('any words at all survive a shell', () => {
    const word = fc.oneof(
      fc.string({unit: 'grapheme'}),
      fc.string({unit: fc.constantFrom('$', '`', "'", '"', '\\', '\n', ' ', ';', '(', '~', '*', '-', '!', '#', '\u001b')}),
      fc.constantFrom('', '-n', '~root', 'a=b', '$(id)', "it's"),
    );
    fc.assert(
      fc.property(
        fc.array(
          word.filter((w) => !w.includes('\0') && !/\p{Cs}/u.test(w)),
          {minLength: 1, maxLength: 6},
        ),
        (words) => {
          const back = execFileSync('sh', ['-c', `printf '%s\\0' ${shell(words)}`], {encoding: 'utf8'});
          expect(back).toBe(words.map((w) => `${w}\0`).join(''));
        },
      ),
      {numRuns: 150},
    );
  });
});

describe('escaping', () => {
  test('leaves nothing that steers, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({unit: 'binary'}), fc.string({unit: fc.integer({min: 0, max: 0xffff}).map((n) => String.fromCharCode(n))})),
        (text) => {
          expect(printable(text).replaceAll('\t', '')).not.toMatch(steering);
          expect(oneLine(text)).not.toMatch(/[\n\t]|(?![\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        },
      ),
      {numRuns: 2000},
    );
  });

  test('keeps plain text of every script as it is', () => {
    for (const text of ['10.244.1.0/24 dev cni0', 'Knoten-grün', 'узел', '节点', 'ノード', 'é', '✔ └ …']) expect(oneLine(text)).toBe(text);
    expect(printable('a\tb\nc')).toBe('a\tb\nc');
    expect(oneLine('a\tb\nc\r\u001b\u202e\u{e0041}')).toBe('a b\\nc\\x0d\\x1b\\u202e\\u{e0041}');
  });
});
