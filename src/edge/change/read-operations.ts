import {gunzipSync} from 'node:zlib';
import type {Operation} from '../../core/change/operation.js';
import {TransportError} from '../transports/transport.js';

/** A hostile journal must not fill our memory: the operations of a stage with ten thousand peers are some 6 MB. */
const LARGEST = 256 * 1024 * 1024;

/**
 * What `operations` of agent.sh prints, `keep 0003 TEXT`: JSON, gzip, base64. It is compared with the node's tables and never run.
 * @throws TransportError when it is not what a step keeps
 */
export async function readOperations(node: string, lines: readonly string[]): Promise<ReadonlyMap<number, readonly Operation[]>> {
  const {operations} = await import('../reporters/plan-schema.js');
  const kept = new Map<number, readonly Operation[]>();
  for (const line of lines) {
    const [, stage, packed = ''] = /^keep (\d{4}) ([A-Za-z0-9+/=]*)$/.exec(line) ?? [];
    const read = stage === undefined ? undefined : operations.safeParse(unpacked(packed));
    if (!read?.success)
      throw new TransportError({kind: 'protocol', message: `${node}: its journal does not say what the change was made of`});
    kept.set(Number(stage), read.data as unknown as readonly Operation[]);
  }
  return kept;
}

function unpacked(packed: string): unknown {
  try {
    return JSON.parse(gunzipSync(Buffer.from(packed, 'base64'), {maxOutputLength: LARGEST}).toString());
  } catch {
    return undefined;
  }
}
