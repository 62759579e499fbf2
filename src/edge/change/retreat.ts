import type {Phase} from '../../core/change/plan.js';
import type {Progress} from './agent.js';
import {type Answer, answered, type Crew, lostOf} from './crew.js';
import type {ChangeEvent, Left} from './outcome.js';
import {undoneSlowly, undoOrder} from './stages.js';

/** A stage that was begun, and on which nodes. */
export interface Begun {
  readonly stage: number;
  readonly phase: Phase;
  readonly title: string;
  readonly nodes: readonly string[];
  /** It is undone already, and may be in need of it once more. */
  readonly again?: boolean;
}

export interface Retreat {
  /** Empty: every node is as it was before. */
  readonly left: readonly Left[];
  readonly undone: readonly number[];
  /** Nodes that were reached, on which everything was undone or tried. */
  readonly back: readonly string[];
}

/** Seconds beyond a timer's end by which its node has surely undone its flips. */
const MARGIN = 3;

/**
 * Undoes all that was begun, one stage at a time on all its nodes. A node that cannot be reached undoes itself by its timer; the others keep
 * what it needs until that has run out. Past the commit no timer does that: then nothing is taken away from under the lost node.
 */
export async function retreat(
  crew: Crew,
  nodes: readonly string[],
  begun: readonly Begun[],
  reached: Progress,
  onEvent: (event: ChangeEvent) => void,
): Promise<Retreat> {
  const lost = new Map<string, string>();
  const left: Left[] = [];
  const undone: number[] = [];
  const here = (): readonly string[] => nodes.filter((n) => !lost.has(n));

  const undo = async (list: readonly Begun[]): Promise<void> => {
    for (const {stage, phase, title, nodes: of, again} of undoOrder(list)) {
      // Between two steps of a swap every pair has a way; a node that is lost may use the very device that the next would take away.
      if (phase === 'swap' && lost.size > 0) return;
      onEvent({kind: 'undo', stage, phase, title, state: 'begun'});
      const answers = await crew.each(
        of.filter((n) => !lost.has(n)),
        (agent) => agent.undo(crew.id, [stage], again, undoneSlowly(phase)),
      );
      for (const {node, lost: why} of lostOf(answers)) lost.set(node, why);
      const failed = answered(answers).flatMap(({node, value}) => value.failed.map((why) => ({node, what: 'not undone', why})));
      left.push(...failed);
      if (failed.length === 0 && lost.size === 0) undone.push(stage);
      onEvent({kind: 'undo', stage, phase, title, state: failed.length > 0 || lost.size > 0 ? 'failed' : 'done'});
    }
  };
  const of = (...phases: readonly Phase[]): readonly Begun[] => begun.filter((b) => phases.includes(b.phase));

  let progress = reached;
  // Past the commit what only the old path needs is undone first of all; what of it an earlier try could not undo is begun still.
  let first: readonly Phase[] = ['restore', 'cleanup', 'swap', 'flip', 'control'];
  if (progress === 'committed') {
    await crew.during(here(), 'committed', () => undo(of('restore', 'cleanup', 'swap')));
    // Now the old path is whole again everywhere: from here a timer may take the routes back to it.
    if (lost.size === 0) {
      const told = await crew.each(nodes, (agent, node) => {
        crew.wound(node);
        return agent.extend(crew.id, crew.ttl, 'final');
      });
      for (const {node, lost: why} of lostOf(told)) lost.set(node, why);
      // Without a guard nothing would take its routes back if it were lost later.
      for (const {node, value} of answered(told)) if (!value) lost.set(node, `${node}: its dead-man timer has run out or was ended`);
    }
    if (lost.size > 0) {
      await crew.extend(here(), 'committed');
      return {left: [...left, ...stay(lost, nodes)], undone, back: []};
    }
    progress = 'final';
    first = ['flip', 'control'];
  }
  await crew.during(here(), progress, () => undo(of(...first)));
  if (lost.size > 0) left.push(...(await waitFor(crew, lost, here, progress, begun, onEvent)));
  if (progress === 'final') {
    await crew.extend(here(), 'applying');
    progress = 'applying';
  }
  await crew.during(here(), progress, () => undo(of('build', 'loosen')));
  const ends = await crew.each(here(), (agent) =>
    agent.finish(crew.id, left.some((l) => l.node === agent.node) ? 'abandoned' : 'rolled-back'),
  );
  left.push(...lostOf(ends).map(({node, lost: why}) => ({node, what: 'its journal still calls the change open', why})));
  for (const [node, why] of lost) {
    left.push({
      node,
      what: 'not seen since',
      why: `${why}; its own timer undoes the change there: flanctl history tells when it is reached again`,
    });
  }
  return {left, undone, back: here()};
}

/**
 * Until every lost node has answered again, and its flips are undone, or its timer has surely run out.
 * @returns what could not be undone on those that answered again
 */
async function waitFor(
  crew: Crew,
  lost: Map<string, string>,
  here: () => readonly string[],
  progress: Progress,
  begun: readonly Begun[],
  onEvent: (event: ChangeEvent) => void,
): Promise<readonly Left[]> {
  const left: Left[] = [];
  const until = performance.now() + (crew.secondsLeft([...lost.keys()]) + MARGIN) * 1000;
  onEvent({kind: 'waiting', nodes: [...lost.keys()], seconds: Math.ceil((until - performance.now()) / 1000)});
  while (lost.size > 0) {
    const again = (): Promise<readonly Answer<{readonly failed: readonly string[]}>[]> =>
      crew.each([...lost.keys()], (agent, node) => {
        const flips = undoOrder(begun.filter((b) => (b.phase === 'flip' || b.phase === 'control') && b.nodes.includes(node)));
        return agent.undo(
          crew.id,
          flips.map((b) => b.stage),
        );
      });
    const answers = await crew.during(here(), progress, again);
    for (const {node, value} of answered(answers)) {
      lost.delete(node);
      left.push(...value.failed.map((why) => ({node, what: 'not undone', why})));
    }
    await crew.extend(here(), progress);
    const rest = until - performance.now();
    if (lost.size === 0 || rest <= 0) return left;
    await new Promise((resolve) => setTimeout(resolve, Math.min(rest, (crew.ttl * 1000) / 3)));
  }
  return left;
}

const stay = (lost: ReadonlyMap<string, string>, nodes: readonly string[]): readonly Left[] =>
  nodes.map((node) => {
    const why = lost.get(node);
    return why === undefined
      ? {node, what: 'stays on the new path', why: 'the lost node uses it; the old path is kept beside it'}
      : {node, what: 'not reached; stays on the new path', why: `${why}; the change was past its commit there`};
  });
