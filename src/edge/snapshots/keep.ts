import type {NodeDump} from '../../core/node/dump.js';
import type {GatherReport} from '../reporters/documents.js';
import {writeSnapshot} from './write.js';

export interface KeepOptions {
  /** `flanctl 0.1.0`. */
  readonly tool: string;
  /** ISO 8601. */
  readonly takenAt: string;
  /** Write another network, of which doctor says the same. */
  readonly redact: boolean;
}

/** Writes what was gathered, with the records beside it, and says what of each node is in the file. @throws Failure when it cannot be written. */
export async function keepSnapshot(
  file: string,
  dumps: readonly NodeDump[],
  files: {readonly [name: string]: string} | undefined,
  {tool, takenAt, redact}: KeepOptions,
): Promise<GatherReport> {
  const redacted = redact ? (await import('./redact.js')).redactSnapshot(dumps, files ?? {}) : undefined;
  await writeSnapshot(file, redacted?.dumps ?? dumps, {
    takenAt,
    tool,
    ...(redacted && {redacted: true}),
    ...(files && {extras: redacted?.extras ?? files}),
  });
  const nodes = dumps.map((d) => ({
    node: d.node,
    as: redacted?.nameOf(d.node) ?? null,
    via: d.via,
    sections: d.sections.length,
    bytes: d.sections.reduce((n, s) => n + Buffer.byteLength(s.out), 0),
    failure: d.failure?.message ?? null,
  }));
  return {file, nodes};
}
