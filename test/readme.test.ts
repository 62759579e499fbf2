import {readFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {modes} from '../src/core/modes/index.js';
import {rules} from '../src/core/rules/index.js';
import {faults} from '../src/edge/lab/faults/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('the README says of itself what is so', () => {
  // A bound, so that a new rule or fault stays one file and one line.
  test.each([
    ['rules', rules],
    ['faults', faults],
  ] as const)('there are more %s than it says, and not many more', (word, list) => {
    const said = Number(new RegExp(`[Mm]ore than (\\d+) ${word}\\b`).exec(readme)?.[1]);
    expect(list.length).toBeGreaterThanOrEqual(said);
    expect(list.length).toBeLessThan(said + 40);
  });
  test.each(modes)('names $type', ({type}) => {
    expect(readme).toContain(`\`${type}\``);
  });
});
