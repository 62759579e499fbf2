import {type Batch, runBatches, undoBatches} from '../../core/change/batch.js';
import type {Operation} from '../../core/change/operation.js';
import type {Phase, Plan} from '../../core/change/plan.js';
import {modeOf} from '../../core/modes/index.js';

/** A stage of a plan as what its nodes run: all that the executor, the journals and a rollback have to know of it. */
export interface ChangeStage {
  readonly phase: Phase;
  readonly title: string;
  readonly work: readonly StageWork[];
}

export interface StageWork {
  readonly node: string;
  readonly run: readonly Batch[];
  readonly undo: readonly Batch[];
  /** What the batches were made of, to compare the node with afterwards; absent where they were not made of operations. */
  readonly operations?: readonly Operation[];
}

/** What flanneld does of it is nobody's to run: an empty stage keeps its place. */
export const stagesOf = (plan: Plan): readonly ChangeStage[] =>
  plan.stages
    .map((stage) => (stage.by === 'flanneld' ? {phase: stage.phase, title: stage.title, work: []} : stage))
    .map(({phase, title, work}) => ({
      phase,
      title,
      work: work.map(({node, operations}) => ({node, run: runBatches(operations), undo: undoBatches(operations), operations})),
    }));

/** From here on the new path is in use everywhere, and what is left is done on nodes that have let go of their way back. */
export const afterCommit = (phase: Phase): boolean => phase === 'swap' || phase === 'control' || phase === 'cleanup' || phase === 'restore';

/**
 * Stages in the order in which they are undone: what the old path needs comes back on every node before any route uses it again, flanneld
 * is told after the routes (as on the way there), and the new path goes last.
 */
export function undoOrder<T extends {readonly phase: Phase; readonly stage: number}>(stages: readonly T[]): readonly T[] {
  const rank: {readonly [phase in Phase]: number} = {restore: 0, cleanup: 0, swap: 0, flip: 1, control: 2, build: 3, loosen: 3};
  return stages.toSorted((a, b) => rank[a.phase] - rank[b.phase] || b.stage - a.stage);
}

/** Does the old path go with the flanneld that ends, as the devices of wireguard and udp do? */
const takesAway = ({from, theirs = []}: Pick<Plan, 'from' | 'theirs'>): boolean =>
  from !== undefined && (modeOf(from.type)?.devices(from.settings) ?? []).some((d) => theirs.includes(d.name));

/**
 * A controller's stages put in where they belong: after the node's own files, before anything of the old path is taken away.
 * `planned` says which stage of the plan is the last that has run by then, for whoever compares tables with the plan.
 */
export function withControl(
  stages: readonly ChangeStage[],
  given: readonly ChangeStage[],
  plan: Pick<Plan, 'from' | 'theirs'> = {},
): {readonly stages: readonly ChangeStage[]; readonly planned: (index: number) => number} {
  // A flanneld that took the old device with it has to make it again before any route leads there: its restart is undone before the flips.
  const control = takesAway(plan) ? given.map((stage): ChangeStage => ({...stage, phase: 'cleanup'})) : given;
  // Before the flips where flanneld has to make the new path first: then its restarts are a part of that.
  const made = stages.findIndex(({phase, work}) => phase === 'build' && work.length === 0);
  if (made >= 0) {
    const first = control.map((stage): ChangeStage => ({...stage, phase: 'build'}));
    return {
      stages: [...stages.slice(0, made), ...first, ...stages.slice(made + 1)],
      planned: (index) => (index < made ? index : Math.max(made, index - control.length + 1)),
    };
  }
  const found = stages.findIndex(({phase}) => phase === 'cleanup' || phase === 'restore');
  const at = found < 0 ? stages.length : found;
  return {
    stages: [...stages.slice(0, at), ...control, ...stages.slice(at)],
    planned: (index) => (index < at ? index : Math.max(at - 1, index - control.length)),
  };
}
