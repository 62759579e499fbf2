import {setTimeout as sleep} from 'node:timers/promises';
import type {Runner} from '../mesh.js';
import {ask} from './ask.js';

/** Packets from one node to another that are counted where they arrive, since their answers take another way, or there are none. */
export interface Shot {
  readonly from: string;
  readonly to: string;
  /** What probe.sh is told, behind the number of packets. */
  readonly send: (count: number) => readonly string[];
  readonly counter: 'echo' | 'udp4' | 'udp6';
}

export type Arrival = 'arrived' | 'lost' | {readonly untried: string};

/** Of so many packets so many must be counted: other traffic of the same kind is less, and losing a few is no proof. */
const COUNT = 20;
const ENOUGH = 15;
/** Looks at the counters after the last packet was sent, and the time between two, milliseconds. */
const LOOKS = 5;
const PAUSE_MS = 200;

/**
 * Sends each shot so that no node receives from two at a time: the increase of a counter then belongs to one sender.
 * Reads /proc and sends; what the kernel learns of neighbours by that is all that changes.
 */
export async function arrivals(
  runners: ReadonlyMap<string, Runner>,
  shots: readonly Shot[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Shot, Arrival>> {
  const found = new Map<Shot, Arrival>();
  let waiting = [...shots];
  while (waiting.length > 0) {
    const [senders, receivers] = [new Set<string>(), new Set<string>()];
    const round = waiting.filter(
      ({from, to}) => !senders.has(from) && !receivers.has(to) && Boolean(senders.add(from) && receivers.add(to)),
    );
    waiting = waiting.filter((shot) => !round.includes(shot));
    await Promise.all(round.map(async (shot) => found.set(shot, await fire(runners, shot, signal))));
  }
  return found;
}

async function fire(runners: ReadonlyMap<string, Runner>, {from, to, send, counter}: Shot, signal: AbortSignal): Promise<Arrival> {
  const before = await counted(runners.get(to), counter, signal);
  if (typeof before === 'string') return {untried: `${to}: ${before}`};
  const sent = await ask(runners.get(from), send(COUNT), signal);
  if ('why' in sent) return {untried: `${from}: ${sent.why}`};
  const [said = ''] = sent.lines;
  if (said !== 'sent') return {untried: `${from}: ${said.replace(/^\? /, '') || 'the probe said nothing'}`};
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) await sleep(PAUSE_MS, undefined, {signal});
    const after = await counted(runners.get(to), counter, signal);
    if (typeof after === 'string') return {untried: `${to}: ${after}`};
    if (after - before >= ENOUGH) return 'arrived';
  }
  return 'lost';
}

async function counted(runner: Runner | undefined, counter: Shot['counter'], signal: AbortSignal): Promise<number | string> {
  const said = await ask(runner, ['counters'], signal);
  if ('why' in said) return said.why;
  const number = said.lines.find((line) => line.startsWith(`${counter} `))?.slice(counter.length + 1);
  return number !== undefined && /^\d+$/.test(number) ? Number(number) : 'its counters cannot be read';
}
