import {type Batch, runBatches, undoBatches} from '../../core/change/batch.js';
import type {Operation} from '../../core/change/operation.js';
import type {Phase, Plan} from '../../core/change/plan.js';
import {shell} from '../../core/kernel/commands.js';
import {modeOf} from '../../core/modes/index.js';
import {agreedFirst} from './agreed-first.js';

/** A stage of a plan as what its nodes run: all that the executor, the journals and a rollback have to know of it. */
export interface ChangeStage {
  readonly phase: Phase;
  readonly title: string;
  readonly work: readonly StageWork[];
  /** A daemon is started in it, which takes its time. */
  readonly slow?: true;
}

export interface StageWork {
  readonly node: string;
  readonly run: readonly Batch[];
  readonly undo: readonly Batch[];
  /** What the batches were made of, to compare the node with afterwards; absent where they were not made of operations. */
  readonly operations?: readonly Operation[];
}

/** What flanneld does of it is nobody's to run: an empty stage keeps its place. */
export function stagesOf(plan: Plan): readonly ChangeStage[] {
  const anew = takesAway(plan);
  return plan.stages
    .map((stage) => (stage.by === 'flanneld' ? {phase: stage.phase, title: stage.title, work: []} : stage))
    .map(({phase, title, work}) => ({
      phase,
      title,
      work: work.map(({node, operations}) => ({
        node,
        run: runBatches(operations),
        undo: [...(phase === 'flip' && anew.length > 0 ? [shakenFirst(anew)] : []), ...undoBatches(operations)],
        operations,
      })),
    }));
}

/**
 * On the way back to a device that flanneld has made anew: every peer without a handshake gets an echo request until it has one, before any
 * route leads there. Two that begin at once wait five seconds for each other, and WireGuard keeps 128 packets for that long, no more. Where
 * the device is of another kind, there is no `wg`, or a peer does not answer, the way back goes on. One line, as steps are.
 */
function shakenFirst(devices: readonly string[]): Batch {
  const mute = `for k in $(wg show "$d" latest-handshakes 2>/dev/null | sed -n 's/[[:space:]]0$//p')`;
  const owned = `wg show "$d" allowed-ips | grep -F "$k" | sed 's/^[^[:space:]]*[[:space:]]//; s,/.*,,'`;
  const knock = `ping -n -q -c 2 -i 0.3 -W 1 -I "$d" "$(${owned})" >/dev/null 2>&1 &`;
  const round = `for d in ${shell(devices)}; do ${mute}; do left=y; ${knock} done; done`;
  return {tool: 'sh', lines: [`for i in 1 2 3 4 5; do left=; ${round}; [ -n "$left" ] || break; wait; sleep 1; done; true`]};
}

/** From here on the new path is in use everywhere, and what is left is done on nodes that have let go of their way back. */
export const afterCommit = (phase: Phase): boolean => phase === 'swap' || phase === 'control' || phase === 'cleanup' || phase === 'restore';

/** May a daemon have been started in such a stage, so that to undo it may take as long again? A journal tells no more than the phase. */
export const undoneSlowly = (phase: Phase): boolean => phase === 'control' || phase === 'cleanup' || phase === 'build';

/**
 * Stages in the order in which they are undone: what the old path needs comes back on every node before any route uses it again, flanneld
 * is told after the routes (as on the way there), and the new path goes last.
 */
export function undoOrder<T extends {readonly phase: Phase; readonly stage: number}>(stages: readonly T[]): readonly T[] {
  const rank: {readonly [phase in Phase]: number} = {restore: 0, cleanup: 0, swap: 0, flip: 1, control: 2, build: 3, loosen: 3};
  return stages.toSorted((a, b) => rank[a.phase] - rank[b.phase] || b.stage - a.stage);
}

/** Devices of the old path that go with the flanneld that ends, as those of wireguard and udp do. */
const takesAway = ({from, theirs = []}: Pick<Plan, 'from' | 'theirs'>): readonly string[] =>
  from === undefined ? [] : (modeOf(from.type)?.devices(from.settings) ?? []).map((d) => d.name).filter((name) => theirs.includes(name));

/**
 * A controller's stages put in where they belong: after the node's own files, before anything of the old path is taken away.
 * `planned` says which stage of the plan is the last that has run by then, for whoever compares tables with the plan.
 */
export function withControl(
  stages: readonly ChangeStage[],
  given: readonly ChangeStage[],
  plan: Pick<Plan, 'from' | 'theirs'> = {},
): {readonly stages: readonly ChangeStage[]; readonly planned: (index: number) => number} {
  const restarts = given.map((stage): ChangeStage => ({...stage, slow: true}));
  const agreed = given.length > 0 ? agreedFirst(stages) : [];
  // A flanneld that took the old device or the keys with it has to make them again before anything is sent that way: its restart is undone
  // before the flips.
  const takes = takesAway(plan).length > 0 || agreed.length > 0;
  const control = takes ? [...agreed, ...restarts.map((stage): ChangeStage => ({...stage, phase: 'cleanup'}))] : restarts;
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
