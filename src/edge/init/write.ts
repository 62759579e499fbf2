import {link, lstat, rename, rm, writeFile} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {Failure} from '../../failure.js';

export interface NewFile {
  readonly path: string;
  readonly text: string;
  /** Reads it back as flanctl will. @throws Failure when it cannot be */
  readonly check: (path: string) => Promise<unknown>;
}

/**
 * Writes all of the files, or none: each beside its place first, where it is read back; then they take their names.
 * @throws Failure when one is there already and `force` is not given, and when a place cannot be written to
 */
export async function writeFiles(files: readonly NewFile[], force: boolean): Promise<void> {
  const there: string[] = [];
  for (const {path} of files) if (!force && (await exists(path))) there.push(path);
  if (there.length > 0) {
    throw new Failure(`${there.join(' and ')} ${there.length === 1 ? 'is' : 'are'} there already: nothing was written`, {
      hints: ['--force writes over it', '--file and --write-inventory name other files'],
    });
  }
  const drafts = files.map((file) => ({...file, draft: join(dirname(file.path), `.${basename(file.path)}.${process.pid}.yaml`)}));
  try {
    for (const {draft, text, path} of drafts) await writeFile(draft, text, {flag: 'wx'}).catch((error: unknown) => unwritable(path, error));
    for (const {draft, check} of drafts) await check(draft);
    for (const {draft, path} of drafts) await place(draft, path, force);
  } finally {
    for (const {draft} of drafts) await rm(draft, {force: true});
  }
}

/** `link` fails where a name is taken, also by somebody who was quicker; `rename` would not. */
async function place(draft: string, path: string, force: boolean): Promise<void> {
  await (force ? rename(draft, path) : link(draft, path)).catch((error: unknown) => unwritable(path, error));
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

function unwritable(path: string, error: unknown): never {
  throw new Failure(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
}
