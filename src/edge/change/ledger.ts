import {type ProbeEnd, type ProbePair, probePairs} from '../../core/change/probe-ends.js';
import type {Family} from '../../core/net/address.js';
import {TransportError} from '../transports/transport.js';
import {oneLine} from '../ui/escape.js';
import {pairName, type Runner} from './mesh.js';
import {probeScript} from './probe-script.js';

/** What one pair of nodes lost while the ledger was open. An echo needs both ways, so what is lost on the way back is in here as well. */
export interface LedgerFlow {
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  readonly sent: number;
  readonly lost: number;
  readonly reordered: number;
  readonly duplicated: number;
  /** Runs of lost packets, the largest first, at most ten. `at` in seconds since 1970, by the sender's clock. */
  readonly gaps: readonly {readonly lost: number; readonly at: number; readonly seconds: number}[];
}

export interface LedgerTotals {
  readonly sent: number;
  readonly lost: number;
  readonly reordered: number;
  readonly duplicated: number;
}

export interface LedgerResult {
  /** Between two packets of a flow, seconds. */
  readonly interval: number;
  readonly flows: readonly LedgerFlow[];
  /** Flows of which nothing is known: never taken for flows that lost nothing. */
  readonly notMeasured: readonly {readonly from: string; readonly to: string; readonly family: Family; readonly why: string}[];
  /** Ordered pairs of nodes left out of the sample of a large cluster. */
  readonly left: number;
  readonly total: LedgerTotals;
}

export interface LedgerOptions {
  /** A safe file name: names the folder below /run on the nodes. */
  readonly id: string;
  /** Seconds between two packets of a flow; 0.01 unless told. */
  readonly interval?: number;
  /** Seconds after which a node ends its part when flanctl does not extend it; 60 unless told. */
  readonly ttl?: number;
  /** Pairs, as `pairName` calls them, that did not answer before the change: what they lose is not of its doing, and not counted. */
  readonly silent?: ReadonlySet<string>;
  /** Peers that one node sends to at most; 16 unless told, for each is two processes and a hundred packets a second. */
  readonly most?: number;
  /** Ends what is under way with a node. */
  readonly signal: AbortSignal;
}

/** One call to a node: the longest is the last, which waits for pings to end. */
const CALL_MS = 30_000;

type Why = {readonly kind: 'not'; readonly why: string};
type Seen = {readonly kind: 'seen'; readonly flow: Omit<LedgerFlow, 'from' | 'to' | 'family'>};

/**
 * The loss ledger: while it is open, every ordered pair of nodes exchanges numbered echoes between pods, and each sender's node counts what
 * did not come back. Nothing is streamed; a node that cannot be reached for a while still has its count when it can be again.
 */
export class Ledger {
  readonly #runners: ReadonlyMap<string, Runner>;
  readonly #options: Required<LedgerOptions>;
  readonly #pairs: readonly ProbePair[];
  /** Those that are counted: their numbers on their sender's node are their places in here. */
  readonly #asked: readonly ProbePair[];
  readonly #left: number;
  readonly #known = new Map<ProbePair, Why | Seen>();
  #beat: NodeJS.Timeout | undefined;
  #result: Promise<LedgerResult> | undefined;

  private constructor(runners: ReadonlyMap<string, Runner>, ends: readonly ProbeEnd[], options: Required<LedgerOptions>) {
    const {pairs, left} = probePairs(ends, options.most);
    this.#runners = runners;
    this.#options = options;
    this.#pairs = pairs;
    this.#left = left;
    const {silent} = options;
    for (const pair of pairs)
      if (silent.has(pairName({from: pair.from.node, to: pair.to.node, family: pair.family})))
        this.#known.set(pair, {kind: 'not', why: 'nothing answered before the change'});
    this.#asked = pairs.filter((pair) => !this.#known.has(pair));
  }

  /** Begins to count; a node where that is not possible is noted, never an error. */
  static async open(runners: ReadonlyMap<string, Runner>, ends: readonly ProbeEnd[], options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(runners, ends, {interval: 0.01, ttl: 60, most: 16, silent: new Set(), ...options});
    await ledger.#each((node, pairs) => ledger.#start(node, pairs));
    const {ttl} = ledger.#options;
    ledger.#beat = setInterval(
      () => void ledger.#each((node) => ledger.#call(node, ['extend', ledger.#dir, String(ttl)])),
      (ttl * 1000) / 3,
    );
    ledger.#beat.unref();
    return ledger;
  }

  /** Ends the probes on every node and tells what they saw. Called again it answers the same. */
  close(): Promise<LedgerResult> {
    this.#result ??= this.#close();
    return this.#result;
  }

  get #dir(): string {
    return `/run/flanctl-ledger-${this.#options.id}`;
  }

  async #each(work: (node: string, pairs: readonly ProbePair[]) => Promise<unknown>): Promise<void> {
    const asked = this.#asked;
    await Promise.all(
      [...new Set(asked.map((pair) => pair.from.node))].map((node) =>
        work(
          node,
          asked.filter((pair) => pair.from.node === node),
        ),
      ),
    );
  }

  /** @returns what the script printed, or why it could not be run. */
  async #call(node: string, args: readonly string[]): Promise<{readonly out: string} | {readonly why: string}> {
    const runner = this.#runners.get(node);
    if (runner === undefined) return {why: `${node} is not connected`};
    try {
      const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(CALL_MS)]);
      const {stdout, stderr, code} = await runner.run(await probeScript('ledger'), args, {signal});
      const out = stdout.toString();
      return code === 0 ? {out} : {why: oneLine(stderr.trim()).slice(0, 200) || `exit ${code}`};
    } catch (error) {
      if (error instanceof TransportError) return {why: oneLine(error.message)};
      throw error;
    }
  }

  async #start(node: string, pairs: readonly ProbePair[]): Promise<void> {
    const words = pairs.map(
      ({from, family, source, target}, i) => `${i},${family},${source},${target},${from.pod === undefined ? 'node' : 'pod'}`,
    );
    const {ttl, interval} = this.#options;
    this.#note(pairs, await this.#call(node, ['start', this.#dir, String(ttl), String(interval), ...words]), 'started');
  }

  async #close(): Promise<LedgerResult> {
    clearInterval(this.#beat);
    await this.#each(async (node, pairs) => {
      this.#note(pairs, await this.#call(node, ['stop', this.#dir]), 'stopped');
    });
    const named = this.#pairs.map((pair) => ({from: pair.from.node, to: pair.to.node, family: pair.family, known: this.#known.get(pair)}));
    const flows = named.flatMap(({known, ...pair}) => (known?.kind === 'seen' ? [{...pair, ...known.flow}] : []));
    const sum = (key: keyof LedgerTotals): number => flows.reduce((n, flow) => n + flow[key], 0);
    return {
      interval: this.#options.interval,
      flows,
      notMeasured: named.flatMap(({known, ...pair}) =>
        known?.kind === 'seen' ? [] : [{...pair, why: known?.why ?? `${pair.from} lost its count: nobody extended its time`}],
      ),
      left: this.#left,
      total: {sent: sum('sent'), lost: sum('lost'), reordered: sum('reordered'), duplicated: sum('duplicated')},
    };
  }

  /** What a node said of its flows; without its last word all that is not known yet has failed. */
  #note(pairs: readonly ProbePair[], said: {readonly out: string} | {readonly why: string}, last: string): void {
    const lines = 'out' in said ? said.out.split('\n') : [];
    const told = new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
    const whole = lines.includes(last);
    pairs.forEach((pair, i) => {
      const line = told.get(String(i)) ?? told.get('all');
      const read = line === undefined ? undefined : readFlow(line);
      if (read !== undefined) this.#known.set(pair, read);
      else if ('why' in said && !this.#known.has(pair)) this.#known.set(pair, {kind: 'not', why: said.why});
      else if (!whole && last === 'started') this.#known.set(pair, {kind: 'not', why: 'its probes did not start'});
    });
  }
}

function readFlow(line: string): Why | Seen | undefined {
  if (line.startsWith('not ')) return {kind: 'not', why: oneLine(line.slice(4)).slice(0, 200)};
  const found = /^seen (\d+) (\d+) (\d+) (\d+) (\d+) ?(\S*)$/.exec(line);
  if (!found) return undefined;
  const [sent, , reordered, duplicated, lost] = found.slice(1, 6).map(Number) as [number, number, number, number, number];
  const gaps = found[6] === '' ? [] : found[6]!.split(',').map((text) => text.split(':').map(Number) as [number, number, number]);
  return {
    kind: 'seen',
    flow: {sent, lost, reordered, duplicated, gaps: gaps.map(([count, at, seconds]) => ({lost: count, at, seconds}))},
  };
}
