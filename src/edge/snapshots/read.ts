import {createReadStream} from 'node:fs';
import {open, stat} from 'node:fs/promises';
import type {Readable} from 'node:stream';
import zlib from 'node:zlib';
import type {NodeDump} from '../../core/node/dump.js';
import {Failure} from '../../failure.js';
import {importFolder} from './import.js';
import {checkHeader, checkNode, type SnapshotHeader} from './schema.js';

export interface Snapshot {
  readonly header: SnapshotHeader;
  /** Walks the nodes, one in memory at a time; can be called again and again. @throws Failure at the line that cannot be read */
  nodes(): AsyncIterable<NodeDump>;
  /** What the user should know of how it was read: files that were passed over. */
  readonly notices: readonly string[];
  /** Records that lay beside the nodes of a folder, or were written with them, by file name: `inventory.yaml`, `pods.json`, … */
  readonly extras: {readonly [name: string]: string};
}

/**
 * Opens a snapshot file (plain, gzip, brotli; zstd where Node has it), one dump of the script, or a folder of dumps or pasted listings.
 * @throws Failure when it is not there or not a snapshot.
 */
export async function readSnapshot(path: string): Promise<Snapshot> {
  const kind = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (kind.isDirectory()) return importFolder(path);
  const start = await firstBytes(path);
  if (path.endsWith('.dump') || start.includes('#flanctl-dump ')) return importFolder(path, {single: true});
  let header: SnapshotHeader | undefined;
  for await (const {value} of values(path)) {
    header = checkHeader(value, path);
    break;
  }
  if (!header) throw new Failure(`${path} is empty`, {hints: ['Take the snapshot again: flanctl gather -f FILE']});
  return {header, notices: [], extras: header.extras ?? {}, nodes: () => nodes(path)};
}

async function* nodes(path: string): AsyncGenerator<NodeDump> {
  for await (const {value, number} of values(path)) {
    if (number > 1) yield checkNode(value, `${path}, line ${number}`);
  }
}

async function* values(path: string): AsyncGenerator<{value: unknown; number: number}> {
  let number = 0;
  for await (const text of lines(path)) {
    number += 1;
    if (text.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new Failure(
        number === 1 ? `${path} is not a snapshot: its first line is not JSON` : `${path}, line ${number}: the line is cut off or damaged`,
        {hints: ['Take the snapshot again, or copy it again: it must be copied as binary'], cause: error},
      );
    }
    yield {value, number};
  }
}

/** Splits the bytes, not the text: a character may lie across two chunks. */
async function* lines(path: string): AsyncGenerator<string> {
  const pending: Buffer[] = [];
  let number = 1;
  try {
    for await (const chunk of await plain(path)) {
      let rest = chunk as Buffer;
      for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
        yield Buffer.concat([...pending.splice(0), rest.subarray(0, end)]).toString();
        number += 1;
        rest = rest.subarray(end + 1);
      }
      if (rest.length > 0) pending.push(rest);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      `${path}, line ${number}: the file is cut off or damaged: ${error instanceof Error ? error.message : String(error)}`,
      {
        hints: ['Take the snapshot again, or copy it again: it must be copied as binary'],
        cause: error,
      },
    );
  }
  if (pending.length > 0) yield Buffer.concat(pending).toString();
}

/** The bytes without their compression, told by what the file begins with and not by its name; brotli alone has no mark. */
async function plain(path: string): Promise<Readable> {
  const start = await firstBytes(path);
  const file = createReadStream(path, {highWaterMark: 1 << 20});
  const through = (stream: Readable & NodeJS.WritableStream): Readable => {
    file.on('error', (error) => stream.destroy(error));
    // Who stops early closes the file too.
    stream.on('close', () => file.destroy());
    return file.pipe(stream);
  };
  if (start[0] === 0x1f && start[1] === 0x8b) return through(zlib.createGunzip());
  if (start.readUInt32BE(0) === 0x28b52ffd) {
    const create = (zlib as {createZstdDecompress?: () => Readable & NodeJS.WritableStream}).createZstdDecompress;
    if (create) return through(create());
    file.destroy();
    throw new Failure(`${path} is compressed with zstd, which Node ${process.versions.node} cannot read`, {
      hints: [`Unpack it first: zstd -d ${path}`, 'Node 22.15 and later read it'],
    });
  }
  if (start[0] === 0x7b || start[0] === 0 || /^\s*\{/.test(start.toString())) return file;
  return through(zlib.createBrotliDecompress());
}

/** 512 bytes, zeros where the file is shorter. */
async function firstBytes(path: string): Promise<Buffer> {
  const start = Buffer.alloc(512);
  try {
    await using file = await open(path);
    await file.read(start, 0, start.length, 0);
  } catch (error) {
    throw unreadable(path, error);
  }
  return start;
}

function unreadable(path: string, error: unknown): Failure {
  return new Failure(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, {cause: error});
}
