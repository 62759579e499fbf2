import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll} from 'vitest';
import type {NodeDump} from '../src/core/node/dump.js';
import {writeSnapshot} from '../src/edge/snapshots/write.js';
import {loadBase} from './bases/bases.js';

/** What differs from a healthy base: `[node, section, change]`; `undefined` takes the section away. */
export type Edit = readonly [node: string, section: string, change: (out: string) => string | undefined];

/** A base with some sections changed; an edit that changes nothing is a broken test, so it throws. */
export async function edited(base: string, ...edits: readonly Edit[]): Promise<readonly NodeDump[]> {
  return edits.reduce((dumps, edit) => applied(dumps, edit), await loadBase(base));
}

function applied(dumps: readonly NodeDump[], [node, section, change]: Edit): readonly NodeDump[] {
  let done = false;
  const result = dumps.map((dump) => ({
    ...dump,
    sections: dump.sections.flatMap((s) => {
      if (dump.node !== node || s.name !== section) return [s];
      const out = change(s.out);
      done ||= out !== s.out;
      return out === undefined ? [] : [{...s, out}];
    }),
  }));
  if (!done) throw new Error(`the edit of ${node} ${section} changes nothing`);
  return result;
}

/** The listing without the lines that match. */
export const without =
  (pattern: RegExp) =>
  (out: string): string =>
    out
      .split('\n')
      .filter((line) => !pattern.test(line))
      .join('\n');

/** A folder for the files of one test file, gone at its end. */
export function workFolder(): {
  readonly at: string;
  readonly file: (name: string) => string;
  readonly snapshot: (name: string, dumps: readonly NodeDump[]) => Promise<string>;
} {
  const at = mkdtempSync(join(tmpdir(), 'flanctl-test-'));
  afterAll(() => rmSync(at, {recursive: true, force: true}));
  const file = (name: string): string => join(at, name);
  return {
    at,
    file,
    async snapshot(name, dumps) {
      await writeSnapshot(file(name), dumps, {takenAt: '2026-01-01T00:00:00.000Z', tool: 'flanctl'});
      return file(name);
    },
  };
}
