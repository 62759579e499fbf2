import {pMapIterable} from 'p-map';
import type {NodeDump, NodeFailure} from '../../core/node/dump.js';
import {openTransport, type TransportOptions} from '../transports/index.js';
import {type NodeAddress, TransportError} from '../transports/transport.js';
import {oneLine} from '../ui/escape.js';
import {readDump} from './read-dump.js';
import {gatherScript} from './script.js';

export interface GatherOptions {
  readonly transport: TransportOptions;
  /** Nodes at a time; 32 unless told. */
  readonly concurrency?: number;
  /** For one node, connecting included, in milliseconds; 20 000 unless told. */
  readonly timeoutMs?: number;
  /** Which pods are entered: all of them unless told, or those with one of these names or addresses. */
  readonly pods?: 'none' | 'all' | readonly string[];
  /** Only these sections (and `host`); `pods` stands for all of the pods' sections. */
  readonly only?: readonly string[];
  /** Text where JSON could be had. */
  readonly text?: boolean;
  /** Ends the whole; the generator then throws the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onNode?: (event: GatherEvent) => void;
}

export type GatherEvent =
  | {readonly kind: 'started'; readonly node: string}
  | {readonly kind: 'done'; readonly node: string; readonly via: string; readonly ms: number}
  | {readonly kind: 'failed'; readonly node: string; readonly via: string; readonly ms: number; readonly failure: NodeFailure};

/**
 * Reads all nodes, many at a time, and yields them in the order of `addresses`, each as soon as those before it are there.
 * A node that is slow, dead or talks nonsense stops nobody: its dump carries `failure` and the sections that arrived.
 */
export async function* gather(addresses: readonly NodeAddress[], options: GatherOptions): AsyncGenerator<NodeDump, void, undefined> {
  const {concurrency = 32, signal} = options;
  const script = await gatherScript();
  const over = new AbortController();
  const whole = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const read = (address: NodeAddress): Promise<NodeDump> => gatherNode(address, script, options, whole);
  try {
    // While one dead node times out, the others go on; how far ahead they may run is what bounds the memory.
    for await (const dump of pMapIterable(addresses, read, {concurrency, backpressure: concurrency * 4})) {
      signal?.throwIfAborted();
      yield dump;
    }
    signal?.throwIfAborted();
  } finally {
    over.abort(new Error('nobody waits for it any more'));
  }
}

/** How long a transport may take to let go after the signal; a transport that does not is left behind. */
const LET_GO_MS = 2000;

async function gatherNode(address: NodeAddress, script: string, options: GatherOptions, whole: AbortSignal): Promise<NodeDump> {
  const {node} = address;
  const {timeoutMs = 20_000} = options;
  const began = Date.now();
  const takenAt = new Date(began).toISOString();
  if (whole.aborted) return {node, takenAt, via: address.via, sections: [], failure: {kind: 'timeout', message: 'interrupted'}};
  options.onNode?.({kind: 'started', node});
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(new DOMException(`no answer in ${timeoutMs / 1000} s`, 'TimeoutError')), timeoutMs);
  const signal = AbortSignal.any([whole, clock.signal]);
  const late: NodeFailure = {
    kind: 'timeout',
    message: `did not answer to the end within ${timeoutMs / 1000} s`,
    hint: 'A larger --timeout may help; what had arrived is used.',
  };
  let dump: NodeDump;
  try {
    dump = await Promise.race([readNode(address, script, options, signal, takenAt), abandoned(signal)]);
    if (dump.failure?.kind === 'truncated' && clock.signal.aborted) dump = {...dump, failure: late};
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const failure = clock.signal.aborted && error.failure.message === ABANDONED ? late : error.failure;
    dump = {node, takenAt, via: address.via, sections: [], failure};
  } finally {
    clearTimeout(timer);
  }
  const {via, failure} = dump;
  const ms = Date.now() - began;
  options.onNode?.(failure ? {kind: 'failed', node, via, ms, failure} : {kind: 'done', node, via, ms});
  return dump;
}

async function readNode(
  address: NodeAddress,
  script: string,
  options: GatherOptions,
  signal: AbortSignal,
  takenAt: string,
): Promise<NodeDump> {
  await using transport = await openTransport(address, options.transport, signal);
  const {stdout, stderr, code} = await transport.run(script, scriptArgs(options), {signal});
  const dump = readDump(stdout.toString(), address.node, transport.via, takenAt);
  if (!dump.failure) return dump;
  const exit = code === undefined ? 'it was cut off' : `sh ended with ${code}`;
  const said = stderr.trim() === '' ? '' : `: ${oneLine(stderr.trim()).slice(0, 300)}`;
  return {...dump, failure: {...dump.failure, message: `${dump.failure.message}; ${exit}${said}`}};
}

/** The words script.sh takes. */
export function scriptArgs({pods = 'all', only, text}: Pick<GatherOptions, 'pods' | 'only' | 'text'>): readonly string[] {
  const list = typeof pods === 'string' ? [] : pods;
  return [
    ...(text ? ['--text'] : []),
    ...(only ? ['--only', only.join(',')] : []),
    '--pods',
    typeof pods === 'string' ? pods : 'path',
    ...(list.length > 0 ? ['--', ...list] : []),
  ];
}

const ABANDONED = 'the connection did not end when it was told to';

function abandoned(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = (): void => void setTimeout(() => reject(new TransportError({kind: 'timeout', message: ABANDONED})), LET_GO_MS).unref();
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, {once: true});
  });
}
