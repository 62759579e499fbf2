import {readFile} from 'node:fs/promises';
import {TransportError} from '../../transports/transport.js';
import {oneLine} from '../../ui/escape.js';
import type {Runner} from '../mesh.js';

const script = (): Promise<string> => readFile(new URL('probe.sh', import.meta.url), 'utf8');

/** What probe.sh printed on a node, line by line, or why nothing was asked. @throws what the signal says when the whole is ended. */
export async function ask(
  runner: Runner | undefined,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{readonly lines: readonly string[]} | {readonly why: string}> {
  if (runner === undefined) return {why: 'it is not connected'};
  try {
    const {stdout, stderr, code} = await runner.run(await script(), args, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
    });
    const lines = stdout
      .toString()
      .split('\n')
      .filter((line) => line !== '');
    return code === 0 || lines.length > 0 ? {lines} : {why: oneLine(stderr.trim()).slice(0, 200) || `exit ${code}`};
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TransportError) return {why: oneLine(error.message)};
    throw error;
  }
}

const CALL_MS = 30_000;
