import type {Phase} from '../../core/change/plan.js';
import {ExitCode} from '../../exit-code.js';
import type {ChangeHeader, Progress} from './agent.js';

/** What a node has that it should not have, or lacks, after a change that did not go as planned; or what the operator has to know of it. */
export interface Left {
  readonly node: string;
  readonly what: string;
  readonly why: string;
}

/**
 * How a change ended. `refused`: nothing was written. `rolled-back`: as before. `stranded`: neither all of the new nor all of the old;
 * `left` says what, per node. `interrupted`: by the operator, and what `kind` says was done about it.
 */
export interface Outcome {
  readonly kind: 'done' | 'rolled-back' | 'stranded' | 'refused';
  readonly header: ChangeHeader;
  /** Why it did not end as `done`, in the order of what happened. */
  readonly because: readonly string[];
  readonly left: readonly Left[];
  /** What became of each stage that was begun. */
  readonly stages: readonly {
    readonly stage: number;
    readonly phase: Phase;
    readonly title: string;
    readonly nodes: readonly string[];
    readonly state: 'done' | 'failed' | 'undone';
  }[];
  readonly interrupted: boolean;
}

export function exitOf({kind, interrupted}: Pick<Outcome, 'kind' | 'interrupted'>): ExitCode {
  if (kind === 'stranded') return ExitCode.stranded;
  if (interrupted) return ExitCode.interrupted;
  return {done: ExitCode.ok, 'rolled-back': ExitCode.rolledBack, refused: ExitCode.findings}[kind];
}

/** What happens during a change, for progress on a terminal and for the local journal. */
export type ChangeEvent =
  | {readonly kind: 'armed'; readonly nodes: readonly string[]; readonly ttl: number}
  | {
      readonly kind: 'stage';
      readonly stage: number;
      readonly phase: Phase;
      readonly title: string;
      readonly state: 'begun' | 'done' | 'failed';
    }
  /** One node's part of a stage has ended; told to who looks on, not written down: the node's own journal has it. */
  | {readonly kind: 'node'; readonly stage: number; readonly node: string; readonly state: 'done' | 'failed'}
  | {readonly kind: 'gate'; readonly stage: number; readonly state: 'begun' | 'open' | 'shut'; readonly because: readonly string[]}
  | {readonly kind: 'progress'; readonly progress: Progress}
  | {readonly kind: 'turning-back'; readonly because: readonly string[]}
  | {
      readonly kind: 'undo';
      readonly stage: number;
      readonly phase: Phase;
      readonly title: string;
      readonly state: 'begun' | 'done' | 'failed';
    }
  /** A node does not answer; it undoes its own part by then. */
  | {readonly kind: 'waiting'; readonly nodes: readonly string[]; readonly seconds: number}
  | {readonly kind: 'ended'; readonly outcome: Outcome['kind']; readonly because: readonly string[]; readonly left: readonly Left[]};
