import type {Batch} from '../../core/change/batch.js';
import type {Operation} from '../../core/change/operation.js';
import type {Phase} from '../../core/change/plan.js';

export type {Batch} from '../../core/change/batch.js';

/** What names a change, on this machine and on every node that it touches. */
export interface ChangeHeader {
  /** Sorts by time and is a safe file name: `20261121-101500-4f2a`. */
  readonly id: string;
  /** `migrate vxlan to host-gw`. */
  readonly title: string;
  /** `user@host`, for the message that somebody else gets. */
  readonly operator: string;
  /** ISO time. */
  readonly since: string;
  readonly nodes: readonly string[];
  /** The largest packet that both paths carry between pods, bytes of IP; undefined: the pods' MTU. */
  readonly largest?: {readonly 4: number; readonly 6: number};
  /** Pairs that did not answer before it, as `pairName` calls them; undefined: not known. */
  readonly silent?: readonly string[];
}

/** One stage on one node, as it is written down on the node before it runs. */
export interface NodeStep {
  /** Index of the stage in the plan: the same on every node. */
  readonly stage: number;
  readonly phase: Phase;
  readonly title: string;
  readonly run: readonly Batch[];
  /** Brings back the state before, from whatever point `run` was cut off at; each line may fail where there is nothing to undo. */
  readonly undo: readonly Batch[];
  /** What the batches were made of: kept with them, so that any machine can tell later whether the node is as it should be. */
  readonly operations?: readonly Operation[];
  /** A daemon is started in it, which takes its time. */
  readonly slow?: true;
}

export type StepState = 'begun' | 'done' | 'failed' | 'undone' | 'undo-failed';

/**
 * How far the change is, as the node knows it, and what its timer does when nobody extends it:
 * `applying` undo everything · `final` (every node has flipped) undo the routes, keep the new path and loose rp_filter, since others may have committed ·
 * `committed` stay, only let go of the lock.
 */
export type Progress = 'applying' | 'final' | 'committed';

/** What a node's own journal says of a change. */
export interface NodeJournal {
  readonly header: ChangeHeader;
  readonly progress: Progress;
  readonly steps: readonly {readonly stage: number; readonly phase: Phase; readonly title: string; readonly state: StepState}[];
  /** Is the guard (lock and dead-man timer) alive, and in how many seconds will it act? */
  readonly guard: {readonly alive: boolean; readonly seconds: number | null};
  /** What an undo could not do, as the tools said it. */
  readonly log: readonly string[];
  readonly outcome: ChangeEnd;
  /** The node has been restarted since the change began there: what it had done to the tables is gone, and so is its timer. */
  readonly restarted: boolean;
}

/**
 * The change was ended by its operator (`done`), undone (`rolled-back`), undone by the timer (`timed-out`), let go by force (`abandoned`),
 * or is `open`: under way, or left with something to do (its timer ran out after the flips, or could not undo a line).
 */
export type ChangeEnd = 'open' | 'done' | 'rolled-back' | 'timed-out' | 'abandoned';

/** Somebody else's change is under way on the node (`alive`), or was left open (`gone`: nobody holds the lock, but it is not ended). */
export interface Held {
  readonly kind: 'held';
  readonly header: ChangeHeader | undefined;
  readonly guard: 'alive' | 'gone';
}

/** The node cannot keep a journal or a timer: its disk is full or read-only, a program is missing. Nothing was changed. */
export interface CannotArm {
  readonly kind: 'refused';
  readonly why: string;
}

export type StepResult =
  | {readonly kind: 'done'}
  /** A line failed: what the tool said, with the line. Nothing after it ran. */
  | {readonly kind: 'failed'; readonly why: string}
  /** The guard is gone or has acted: nothing was run. */
  | {readonly kind: 'expired'};

/**
 * flanctl's side of what a change leaves on a node: one POSIX-sh script over the node's transport for each call, a folder
 * `/var/lib/flanctl/changes/<id>/` as the node's journal, and one guard process that holds the lock (flock) and is the dead-man timer.
 * Every method throws TransportError when the node cannot be reached or does not answer in time.
 */
export interface NodeAgent extends AsyncDisposable {
  readonly node: string;
  /**
   * Makes the folder, starts the guard and sees it alive. `ttl` in seconds. A change that the node knows already is taken over: whoever drove
   * it is shut out; `keep` (the default is `applying`) leaves its progress as it is.
   */
  arm(header: ChangeHeader, ttl: number, progress?: Progress | 'keep'): Promise<{readonly kind: 'armed'} | Held | CannotArm>;
  /** @returns false when the guard is gone. */
  extend(id: string, ttl: number, progress: Progress): Promise<boolean>;
  /** Writes the step and its undo down, fsyncs, runs it, writes down how it ended. */
  run(id: string, step: NodeStep): Promise<StepResult>;
  /**
   * Undoes the steps of these stages, last first, under the lock; also without a guard (rollback of an ended change arms first). What is undone
   * already is passed over, unless it is to be done `again`. `patient`: a flanneld is restarted, which takes its time.
   */
  undo(id: string, stages: readonly number[], again?: boolean, patient?: boolean): Promise<{readonly failed: readonly string[]}>;
  /**
   * The part of a step that flanctl itself does, once more, where nobody knows whether it was done: the node has written it down and that is
   * all it knows. Absent where no step has such a part.
   */
  readonly redo?: (step: Pick<NodeStep, 'operations'>) => Promise<StepResult>;
  /** Every change the node remembers, newest first. */
  journals(): Promise<readonly NodeJournal[]>;
  /** What the steps of a change were made of, by stage, as far as they were kept. */
  operations(id: string): Promise<ReadonlyMap<number, readonly Operation[]>>;
  /** Writes the outcome down and ends the guard: no process and no lock stay. */
  finish(id: string, outcome: Exclude<ChangeEnd, 'open'>): Promise<void>;
  /** Ends every guard and calls every open change abandoned; nothing is undone. @returns their ids. */
  unlock(): Promise<readonly string[]>;
}
