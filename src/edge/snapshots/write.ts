import {randomBytes} from 'node:crypto';
import {open, rename, rm} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {constants, createBrotliCompress, createGzip} from 'node:zlib';
import type {NodeDump} from '../../core/node/dump.js';
import {Failure} from '../../failure.js';

/** What the first line of a snapshot says, beside its kind. */
export interface SnapshotMeta {
  /** ISO 8601. */
  readonly takenAt: string;
  /** `flanctl/0.1.0`. */
  readonly tool: string;
  /** True when names, addresses and secrets were replaced. */
  readonly redacted?: boolean;
  /** flannel's records as they were read, by the names of their files: `nodes.json`, `configmap.json`, `etcd.json`, … */
  readonly extras?: {readonly [name: string]: string};
}

/**
 * Writes NDJSON, one header line and one line a node, brotli for `.br`, gzip for `.gz`, plain for anything else. It is written beside
 * `file` and renamed when it is whole and on the disk, so `file` is the old snapshot or the new one, never half of one.
 * Returns the number of nodes.
 * @throws Failure when the place cannot be written to.
 */
export async function writeSnapshot(
  file: string,
  dumps: AsyncIterable<NodeDump> | Iterable<NodeDump>,
  meta: SnapshotMeta,
): Promise<number> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  let count = 0;
  async function* lines(): AsyncGenerator<Buffer> {
    yield line({apiVersion: 'flanctl.dev/v1alpha1', kind: 'Snapshot', ...meta});
    for await (const dump of dumps) {
      yield line(dump);
      count += 1;
    }
  }
  // A snapshot tells how a network is built: it is its owner's to hand on.
  const handle = await open(temporary, 'wx', 0o600).catch((error: unknown) => unwritable(file, error));
  try {
    // `flush` is fsync before the close (Node 20.10 and later).
    const sink = handle.createWriteStream({flush: true});
    const squeeze = compressor(file);
    if (squeeze) await pipeline(lines, squeeze, sink);
    else await pipeline(lines, sink);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, {force: true});
    if (isDiskError(error)) return unwritable(file, error);
    throw error;
  } finally {
    await handle.close().catch(() => undefined);
  }
  return count;
}

const line = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

/** Quality 4 with a window of 16 MiB finds what nodes have in common at the speed of the network; higher qualities cost minutes for a few percent. */
function compressor(file: string): NodeJS.ReadWriteStream | undefined {
  if (file.endsWith('.gz')) return createGzip();
  if (!file.endsWith('.br')) return undefined;
  return createBrotliCompress({params: {[constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 24}});
}

function isDiskError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && ['write', 'fsync', 'rename', 'open', 'close'].includes(String(error.syscall));
}

function unwritable(file: string, error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new Failure(`the snapshot cannot be written to ${file}: ${reason}`, {
    hints: ['Name a file in a folder that exists and that you may write to: -f FILE'],
    cause: error,
  });
}
