import {setTimeout as sleep} from 'node:timers/promises';
import pMap from 'p-map';
import {TransportError} from '../transports/transport.js';
import type {NodeAgent, Progress} from './agent.js';

/** What one node answered, or that it could not be reached. */
export type Answer<T> = {readonly node: string; readonly value: T} | {readonly node: string; readonly lost: string};

export const lostOf = <T>(answers: readonly Answer<T>[]): readonly {node: string; lost: string}[] => answers.filter((a) => 'lost' in a);
export const answered = <T>(answers: readonly Answer<T>[]): readonly {node: string; value: T}[] => answers.filter((a) => 'value' in a);

/** All agents of a change, asked many at a time; it remembers when each node's timer will act if it hears no more. */
export class Crew {
  readonly agents: ReadonlyMap<string, NodeAgent>;
  readonly id: string;
  readonly ttl: number;
  readonly #concurrency: number;
  /** node → milliseconds of performance.now(). */
  readonly #deadlines = new Map<string, number>();

  constructor(agents: ReadonlyMap<string, NodeAgent>, id: string, ttl: number, concurrency = 32) {
    this.agents = agents;
    this.id = id;
    this.ttl = ttl;
    this.#concurrency = concurrency;
  }

  /** @returns one answer a node, in the order of the nodes. What is no TransportError is a bug and is thrown. */
  each<T>(nodes: readonly string[], work: (agent: NodeAgent, node: string) => Promise<T>): Promise<readonly Answer<T>[]> {
    const one = async (node: string): Promise<Answer<T>> => {
      try {
        return {node, value: await work(this.agents.get(node)!, node)};
      } catch (error) {
        if (error instanceof TransportError) return {node, lost: error.failure.message};
        throw error;
      }
    };
    return pMap(nodes, one, {concurrency: this.#concurrency});
  }

  /** The node's timer was wound at the latest now: it was asked to, whether or not we heard its answer. */
  wound(node: string): void {
    this.#deadlines.set(node, performance.now() + this.ttl * 1000);
  }

  /** Seconds until the timers of these nodes have run out, at the latest. */
  secondsLeft(nodes: readonly string[]): number {
    const last = Math.max(0, ...nodes.map((node) => this.#deadlines.get(node) ?? 0));
    return Math.max(0, (last - performance.now()) / 1000);
  }

  /** @returns why not, a line a node; empty when every timer was wound. */
  async extend(nodes: readonly string[], progress: Progress): Promise<readonly string[]> {
    const answers = await this.each(nodes, (agent, node) => {
      this.wound(node);
      return agent.extend(this.id, this.ttl, progress);
    });
    return answers.flatMap((a) => ('lost' in a ? [a.lost] : a.value ? [] : [`${a.node}: its dead-man timer has run out or was ended`]));
  }

  /** Winds the timers while the work goes on. Only for work of which nothing bad is known: a gate has to do with one winding. */
  async during<T>(nodes: readonly string[], progress: Progress, work: () => Promise<T>): Promise<T> {
    const over = new AbortController();
    const beat = (async () => {
      while (!over.signal.aborted) {
        await sleep((this.ttl * 1000) / 3, undefined, {signal: over.signal}).catch(() => undefined);
        if (!over.signal.aborted) await this.extend(nodes, progress);
      }
    })();
    try {
      return await work();
    } finally {
      over.abort();
      await beat;
    }
  }
}
