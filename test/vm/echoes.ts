import {type ChildProcess, spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';

/** Between two echoes of a pair, seconds, unless told: 200 a second, with which flannel-backends.md §9 was measured. */
const INTERVAL = 0.005;
/** Echoes that may be under way when ping is ended. */
const UNDER_WAY = 100;

/** What pods lost, there or back. */
export interface Echoed {
  readonly seconds: number;
  readonly sent: number;
  /** What was sent and came back to no pod, as the pods' kernels count it: what only the witness missed, in its own socket, is no loss. */
  readonly lost: number;
  /** Each run of those that the witness missed: between whom, how many, when and after which mark. */
  readonly missed: readonly string[];
  /** On their way: where two neighbours differ, between these two they were lost. */
  readonly counted: Counted & {readonly read: number};
}

/** Echoes as the kernels of all pods have counted them: requests that left, that came, their answers that left, and that came back. */
export interface Counted {
  readonly left: number;
  readonly came: number;
  readonly answered: number;
  readonly back: number;
}

/**
 * A witness that asks little of a machine that is emulated, where one that keeps its rate whatever happens makes bursts that no queue holds: one
 * ping for each pair of nodes, whose answers go the other way. What came back is counted by its numbers.
 */
export class Echoes implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #before: Counted;
  readonly #start = Date.now() / 1000;
  readonly #children: readonly {readonly pair: string; readonly child: ChildProcess; readonly ended: Promise<string>}[];
  readonly #marks: {readonly at: number; readonly what: string}[] = [];

  private constructor(lab: Lab, before: Counted, interval: number) {
    this.#lab = lab;
    this.#before = before;
    const pods = lab.nodes.map((n) => n.pods[0]!);
    this.#children = pods.flatMap((a, i) =>
      pods.slice(i + 1).map((b) => {
        const child = spawn('ip', ['netns', 'exec', a.netns, 'ping', '-D', '-n', '-i', String(interval), b.ip], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let said = '';
        child.stdout.on('data', (part: Buffer) => {
          said += part.toString();
        });
        return {pair: `${a.name} → ${b.name}`, child, ended: new Promise<string>((resolve) => child.on('close', () => resolve(said)))};
      }),
    );
  }

  /** Begins; the pairs have to have spoken before, and nobody else may send echoes meanwhile: where somebody does, only `missed` tells. */
  static async start(lab: Lab, interval = INTERVAL): Promise<Echoes> {
    const echoes = new Echoes(lab, await countedIn(lab), interval);
    await sleep(500);
    return echoes;
  }

  /** What begins now, to name what was lost after it. */
  mark(what: string): void {
    this.#marks.push({at: Date.now() / 1000, what});
  }

  async stop(): Promise<Echoed> {
    await sleep(500);
    for (const {child} of this.#children) child.kill('SIGINT');
    const read = await Promise.all(this.#children.map(async ({pair, ended}) => this.#read(pair, await ended)));
    const seconds = Math.round(Date.now() / 1000 - this.#start);
    // For the last ones to come home.
    await sleep(1000);
    const [now, before] = [await countedIn(this.#lab), this.#before];
    const since = {
      left: now.left - before.left,
      came: now.came - before.came,
      answered: now.answered - before.answered,
      back: now.back - before.back,
    };
    const sent = sum(read.map((r) => r.sent));
    return {
      seconds,
      sent,
      lost: sent - since.back,
      missed: read.flatMap((r) => r.missed),
      counted: {...since, read: sum(read.map((r) => r.read))},
    };
  }

  #read(pair: string, said: string): {readonly sent: number; readonly read: number; readonly missed: readonly string[]} {
    const sent = Number(/(\d+) packets transmitted/.exec(said)?.[1] ?? 0);
    let read = 0;
    let due = 1;
    let last = 0;
    const missing = new Map<number, number>();
    for (const [, time, number] of said.matchAll(/^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+)/gm)) {
      read++;
      // Of 16 bits: the one nearest to what is due.
      const seq = due + ((((Number(number) - due + 32_768) % 65_536) + 65_536) % 65_536) - 32_768;
      for (; due < seq; due++) missing.set(due, last);
      if (seq === due) due++;
      else missing.delete(seq);
      last = Number(time);
    }
    if (sent - due >= UNDER_WAY) for (; due <= sent; due++) missing.set(due, last);
    const runs = new Map<number, number>();
    for (const at of missing.values()) runs.set(at, (runs.get(at) ?? 0) + 1);
    const markAt = (at: number): string => {
      const mark = this.#marks.findLast((m) => m.at <= at) ?? {at: this.#start, what: 'the beginning'};
      return `${(at - mark.at).toFixed(2)} s after ${mark.what} began`;
    };
    return {sent, read, missed: [...runs].map(([at, count]) => `${pair}: ${count}, ${markAt(at)}`)};
  }

  /** What the kernels of nodes and pods count of packets that they drop, and this machine's processors of what waits; for people. */
  async drops(): Promise<string> {
    const look =
      "grep -hv ' 0$\\|\t0$' /proc/net/xfrm_stat; nstat -az 2>/dev/null | grep -i 'drop\\|discard\\|noroute\\|rpfilter\\|AddrErr' | grep -v ' 0  '; ip -s link show | grep -A5 '^[0-9]' | grep -v link/";
    const places = this.#lab.nodes.flatMap(({name, pods}) => [name, ...pods.map((pod) => pod.name)]);
    const all = await Promise.all(places.map(async (place) => `${place}:\n${(await runIn(this.#lab, place, look)).stdout}`));
    return [...all, `softnet: ${readFileSync('/proc/net/softnet_stat', 'utf8')}`].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const {child} of this.#children) if (child.exitCode === null) child.kill('SIGKILL');
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

async function countedIn(lab: Lab): Promise<Counted> {
  const pods = lab.nodes.map((n) => n.pods[0]!.name);
  const texts = await Promise.all(pods.map(async (pod) => (await runIn(lab, pod, ['cat', '/proc/net/snmp'])).stdout));
  const counts = texts.map((text) => {
    const [names = [], values = []] = text
      .split('\n')
      .filter((line) => line.startsWith('Icmp: '))
      .map((line) => line.split(' '));
    return (name: string): number => Number(values[names.indexOf(name)]);
  });
  const all = (name: string): number => sum(counts.map((count) => count(name)));
  return {left: all('OutEchos'), came: all('InEchos'), answered: all('OutEchoReps'), back: all('InEchoReps')};
}
