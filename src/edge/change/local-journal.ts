import {access, type FileHandle, mkdir, open, readdir, readFile, rename} from 'node:fs/promises';
import {homedir} from 'node:os';
import {dirname, join} from 'node:path';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {NodeAddress} from '../transports/transport.js';
import type {ChangeHeader} from './agent.js';
import type {Encrypting} from './encrypting.js';
import type {ChangeEvent} from './outcome.js';
import {readHeader} from './read-journals.js';
import type {ChangeStage} from './stages.js';

/** All that `--resume` needs to go on where a change stopped, and `rollback` to find its nodes. */
export interface SavedChange {
  readonly header: ChangeHeader;
  readonly stages: readonly ChangeStage[];
  readonly addresses: readonly NodeAddress[];
  readonly sshConfig?: string;
  /** How the API server was named, where the change has to do with one. */
  readonly kube?: {readonly kubeconfig?: string; readonly context?: string};
  readonly ttl: number;
  /** The largest packet that both the old path and the new one carry between pods, bytes of IP; undefined: the pods' MTU, which nothing changes. */
  readonly largest?: {readonly 4: number; readonly 6: number};
  readonly encrypting?: Encrypting;
}

/** This machine's side of the journal: the plan, and a line for everything that happens, each on the disk before it happens. */
export interface LocalJournal extends AsyncDisposable {
  readonly folder: string;
  /** @throws Failure when it cannot be written; the caller then does not do what it was about to. */
  note(event: ChangeEvent): Promise<void>;
}

export const stateFolder = (): string => join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'flanctl', 'changes');

/** @throws Failure (exit 1) when nothing can be written there: no change without a journal. */
export async function openJournal(change: SavedChange): Promise<LocalJournal> {
  const folder = join(stateFolder(), change.header.id);
  try {
    await makeFolder(folder);
    const plan = await open(join(folder, 'plan.json.new'), 'w', 0o600);
    try {
      await plan.writeFile(`${JSON.stringify(change)}\n`);
      await plan.sync();
    } finally {
      await plan.close();
    }
    // A resumed change writes it once more: the old one stays until the new one is whole.
    await rename(join(folder, 'plan.json.new'), join(folder, 'plan.json'));
    return journal(folder, await open(join(folder, 'journal.ndjson'), 'a', 0o600));
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** One at a time: asked for several at once, Node calls a read-only file system ENOENT. */
async function makeFolder(folder: string): Promise<void> {
  const there = await access(folder).then(
    () => true,
    () => false,
  );
  if (there) return;
  await makeFolder(dirname(folder));
  await mkdir(folder, {mode: 0o700}).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

const journal = (folder: string, file: FileHandle): LocalJournal => ({
  folder,
  async note(event) {
    try {
      await file.appendFile(`${JSON.stringify({at: new Date().toISOString(), ...event})}\n`);
      await file.datasync();
    } catch (error) {
      throw unwritable(folder, error);
    }
  },
  [Symbol.asyncDispose]: () => file.close(),
});

const unwritable = (folder: string, error: unknown): Failure =>
  new Failure(`the journal ${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`, {
    exit: ExitCode.findings,
    hints: ['XDG_STATE_HOME names another place'],
  });

/** @returns undefined when this machine knows no such change, or cannot read it any more. */
export async function savedChange(id: string): Promise<SavedChange | undefined> {
  const text = await readFile(join(stateFolder(), id, 'plan.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const saved = JSON.parse(text) as SavedChange;
    return readHeader(JSON.stringify(saved.header)) === undefined || !Array.isArray(saved.stages) ? undefined : saved;
  } catch {
    return undefined;
  }
}

/** Ids of the changes that this machine has made, newest first. */
export async function savedIds(): Promise<readonly string[]> {
  const entries = await readdir(stateFolder()).catch(() => []);
  return entries.sort().reverse();
}

/** How the change ended, as far as this machine knows: the last `ended` line. */
export async function savedEnd(id: string): Promise<Extract<ChangeEvent, {kind: 'ended'}> | undefined> {
  const text = await readFile(join(stateFolder(), id, 'journal.ndjson'), 'utf8').catch(() => '');
  let end: Extract<ChangeEvent, {kind: 'ended'}> | undefined;
  for (const line of text.split('\n')) {
    if (!line.includes('"ended"') || !line.endsWith('}')) continue;
    const event = eventIn(line);
    if (event?.kind === 'ended') end = event;
  }
  return end;
}

/** A line may have been cut off: the last by whatever ended the machine, another by a full disk, with the next one on its heels. */
function eventIn(line: string): ChangeEvent | undefined {
  try {
    return JSON.parse(line) as ChangeEvent;
  } catch {
    return undefined;
  }
}
