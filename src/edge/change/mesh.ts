import {type ProbeEnd, type ProbePair, probePairs} from '../../core/change/probe-ends.js';
import type {Family} from '../../core/net/address.js';
import {type Transport, TransportError} from '../transports/transport.js';
import {oneLine} from '../ui/escape.js';
import {probeScript} from './probe-script.js';

/** What runs a script on a node: a transport, or an agent's. */
export type Runner = Pick<Transport, 'node' | 'run'>;

export interface MeshPair {
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  /** A small echo came back. undefined: it could not be tried. */
  readonly small: boolean | undefined;
  /** The largest that must fit, with DF, came back. undefined: it could not be tried (busybox's ping has no DF). */
  readonly large: boolean | undefined;
  /** Why it could not be tried, or what ping said last. */
  readonly why?: string;
}

export interface Mesh {
  readonly pairs: readonly MeshPair[];
  /** Ordered pairs of nodes that were left out of the sample. */
  readonly left: number;
}

export interface MeshOptions {
  readonly signal: AbortSignal;
  /** Size of the large packet, bytes of IP; undefined: the sender's or the receiver's MTU, whichever is less. */
  readonly size?: (pair: ProbePair) => number;
  /** Only pairs with one of these at either end. */
  readonly touching?: readonly string[];
  /** Only these pairs, as `pairName` calls them. */
  readonly only?: ReadonlySet<string>;
  /** Peers that one node pings at most; beyond, a sample spread evenly. */
  readonly most?: number;
  /** For all the pings of one node, milliseconds; 60 000 unless told. */
  readonly timeoutMs?: number;
}

export const pairName = (pair: {from: string; to: string; family: Family}): string => `${pair.from} > ${pair.to} IPv${pair.family}`;

/** IP and ICMP headers, bytes. */
const headers = {4: 28, 6: 48} as const;

/**
 * Pings from a pod of each node to a pod of each other, a small packet and the largest that must fit. Each is tried once more, patiently,
 * when nothing came back: the first may wait for neighbour resolution. One script run a node, all nodes at once; nothing is left there.
 * A node that cannot be reached makes its pairs unknown, with the reason; no error is thrown but the signal's.
 */
export async function mesh(
  runners: ReadonlyMap<string, Runner>,
  ends: readonly ProbeEnd[],
  {signal, size, touching, only, most = 128, timeoutMs = 60_000}: MeshOptions,
): Promise<Mesh> {
  const {pairs, left} = probePairs(ends, most);
  const asked = pairs.filter(
    ({from, to, family}) =>
      (touching === undefined || touching.includes(from.node) || touching.includes(to.node)) &&
      (only === undefined || only.has(pairName({from: from.node, to: to.node, family}))),
  );
  const senders = [...new Set(asked.map((pair) => pair.from))];
  const results = await Promise.all(
    senders.map((sender) =>
      pingFrom(
        runners.get(sender.node),
        asked.filter((pair) => pair.from === sender),
        size,
        signal,
        timeoutMs,
      ),
    ),
  );
  return {pairs: results.flat(), left};
}

async function pingFrom(
  runner: Runner | undefined,
  pairs: readonly ProbePair[],
  size: MeshOptions['size'],
  signal: AbortSignal,
  timeoutMs: number,
): Promise<MeshPair[]> {
  const names = pairs.map(({from, to, family}) => ({from: from.node, to: to.node, family}));
  const unknown = (why: string): MeshPair[] => names.map((pair) => ({...pair, small: undefined, large: undefined, why}));
  const sender = pairs[0]!.from;
  if (runner === undefined) return unknown(`${sender.node} is not connected`);
  const words = pairs.map((pair, i) => {
    const bytes = size?.(pair) ?? Math.min(pair.from.mtu, pair.to.mtu);
    return `${i},${pair.family},${pair.source},${pair.target},${bytes - headers[pair.family]}`;
  });
  let out: {stdout: Buffer; stderr: string; code: number | undefined};
  try {
    out = await runner.run(await probeScript('mesh'), [sender.pod === undefined ? 'node' : 'pod', ...words], {
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
  } catch (error) {
    if (error instanceof TransportError && !signal.aborted) return unknown(oneLine(error.message));
    throw error;
  }
  const answers = new Map(
    out.stdout
      .toString()
      .split('\n')
      .flatMap((line): [string, string][] => {
        const found = /^(\d+ (?:small|large)) (.*)$/.exec(line);
        return found ? [[found[1]!, found[2]!]] : [];
      }),
  );
  const value = (text: string | undefined): boolean | undefined => (text === 'y' ? true : text?.startsWith('n') ? false : undefined);
  const cut = `the probes on ${sender.node} ended early: ${oneLine(out.stderr.trim()).slice(0, 200) || `exit ${out.code}`}`;
  return names.map((pair, i): MeshPair => {
    const [small, large] = [answers.get(`${i} small`), answers.get(`${i} large`)];
    const said = [small, large].map((text) => text?.slice(2).trim() ?? '').find((text) => text !== '');
    const why = small === undefined || large === undefined ? cut : said;
    return {...pair, small: value(small), large: value(large), ...(why !== undefined && {why: oneLine(why)})};
  });
}

/** Pairs that answered before and do not now, or of which nothing is known now: in words, none when all is well. */
export const worse = (before: Mesh, now: Mesh): readonly string[] => worsened(before, now).map(({what}) => what);

/** The same with who asked. */
export function worsened(before: Mesh, now: Mesh): readonly {readonly from: string; readonly what: string}[] {
  const had = new Map(before.pairs.map((pair) => [pairName(pair), pair]));
  return now.pairs.flatMap((pair) => {
    const was = had.get(pairName(pair));
    if (was?.small !== true) return [];
    const because = pair.why === undefined ? '' : ` (${pair.why})`;
    const name = `${pair.from} → ${pair.to} IPv${pair.family}`;
    const told = (what: string) => [{from: pair.from, what: `${name}: ${what}${because}`}];
    if (pair.small === undefined) return told('could not be tried');
    if (!pair.small) return told('no answer');
    return was.large === true && pair.large !== true ? told('only small packets get through') : [];
  });
}
