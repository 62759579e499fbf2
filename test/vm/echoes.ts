import {type ChildProcess, spawn} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';

/** Between two echoes of a pair, seconds: 200 a second, with which flannel-backends.md §9 was measured. */
const INTERVAL = 0.005;
/** Echoes that may be under way when ping is ended. */
const UNDER_WAY = 100;

/** What one pair of pods lost, there or back. */
export interface Echoed {
  readonly pair: string;
  readonly sent: number;
  readonly lost: number;
  /** Each run of lost ones: how many, and the mark that had been set last. */
  readonly runs: readonly string[];
}

/**
 * A witness that asks little of a machine that is emulated, where one that keeps its rate whatever happens makes bursts that no queue holds: one
 * ping for each pair of nodes, whose answers go the other way. What came back is counted by its numbers.
 */
export class Echoes implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #children: readonly {readonly pair: string; readonly child: ChildProcess; readonly ended: Promise<string>}[];
  readonly #marks: {readonly at: number; readonly what: string}[] = [];

  private constructor(lab: Lab) {
    this.#lab = lab;
    const pods = lab.nodes.map((n) => n.pods[0]!);
    this.#children = pods.flatMap((a, i) =>
      pods.slice(i + 1).map((b) => {
        const child = spawn('ip', ['netns', 'exec', a.netns, 'ping', '-D', '-n', '-i', String(INTERVAL), b.ip], {
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

  /** Begins; the pairs have to have spoken before. */
  static async start(lab: Lab): Promise<Echoes> {
    const echoes = new Echoes(lab);
    await sleep(500);
    return echoes;
  }

  /** What begins now, to name what was lost after it. */
  mark(what: string): void {
    this.#marks.push({at: Date.now() / 1000, what});
  }

  async stop(): Promise<readonly Echoed[]> {
    await sleep(500);
    for (const {child} of this.#children) child.kill('SIGINT');
    return Promise.all(this.#children.map(async ({pair, ended}) => ({pair, ...this.#count(await ended)})));
  }

  #count(said: string): Omit<Echoed, 'pair'> {
    const sent = Number(/(\d+) packets transmitted/.exec(said)?.[1] ?? 0);
    let due = 1;
    let last = 0;
    const missing = new Map<number, number>();
    for (const [, time, number] of said.matchAll(/^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+)/gm)) {
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
    const markAt = (at: number): string => this.#marks.findLast((m) => m.at <= at)?.what ?? 'the beginning';
    return {sent, lost: missing.size, runs: [...runs].map(([at, count]) => `${count} after ${markAt(at)}`)};
  }

  /** What the kernels of the nodes count of packets that they drop; for people. */
  async drops(): Promise<string> {
    const look =
      "grep -hv ' 0$\\|\t0$' /proc/net/xfrm_stat; nstat -az 2>/dev/null | grep -i 'drop\\|discard\\|noroute\\|rpfilter\\|AddrErr' | grep -v ' 0  '; ip -s link show eth0 | tail -n 4";
    const all = await Promise.all(this.#lab.nodes.map(async ({name}) => `${name}:\n${(await runIn(this.#lab, name, look)).stdout}`));
    return all.join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const {child} of this.#children) if (child.exitCode === null) child.kill('SIGKILL');
  }
}
