import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {NodeAgent, NodeJournal, Progress} from './agent.js';
import {arm} from './arm.js';
import {answered, Crew, lostOf} from './crew.js';
import type {ChangeEvent, Outcome} from './outcome.js';
import {type Begun, retreat} from './retreat.js';
import {type Review, undoneBy} from './review.js';

export interface RollbackContext {
  readonly agents: ReadonlyMap<string, NodeAgent>;
  readonly ttl: number;
  readonly concurrency?: number;
  /** Looks at the nodes again afterwards. */
  readonly review?: Review;
  readonly onEvent: (event: ChangeEvent) => void;
}

/** What every node remembers, by node; a node that is not there is the reason. */
export interface Remembered {
  readonly journals: ReadonlyMap<string, readonly NodeJournal[]>;
  readonly lost: readonly {readonly node: string; readonly lost: string}[];
}

export async function remember(agents: ReadonlyMap<string, NodeAgent>, concurrency?: number): Promise<Remembered> {
  const answers = await new Crew(agents, '', 1, concurrency).each([...agents.keys()], (agent) => agent.journals());
  return {journals: new Map(answered(answers).map(({node, value}) => [node, value])), lost: lostOf(answers)};
}

/** One change as its nodes know it. */
export interface KnownChange {
  readonly id: string;
  readonly by: ReadonlyMap<string, NodeJournal>;
}

/** Newest first. */
export function knownChanges({journals}: Remembered): readonly KnownChange[] {
  const changes = new Map<string, Map<string, NodeJournal>>();
  for (const [node, list] of journals) {
    for (const journal of list) {
      const {id} = journal.header;
      const by = changes.get(id) ?? new Map<string, NodeJournal>();
      changes.set(id, by.set(node, journal));
    }
  }
  return [...changes].map(([id, by]) => ({id, by})).sort((a, b) => (a.id < b.id ? 1 : -1));
}

const undoable = (journal: NodeJournal): boolean => journal.steps.some((step) => step.state !== 'undone');

/** The change that `flanctl rollback` without an id means: the newest that has anything to undo. */
export const newestUndoable = (changes: readonly KnownChange[]): KnownChange | undefined =>
  changes.find(({by}) => [...by.values()].some(undoable));

/**
 * Undoes a change that was ended or left, from the journals on its nodes alone.
 * @throws Failure when a node of it cannot be reached, or a newer change stands on top of it: nothing was done then.
 */
export async function rollback(id: string, remembered: Remembered, context: RollbackContext): Promise<Outcome> {
  const changes = knownChanges(remembered);
  const change = changes.find((c) => c.id === id);
  const lost = remembered.lost.map((l) => l.lost);
  if (!change) {
    const ids = changes.map((c) => c.id).slice(0, 5);
    throw new Failure(`no node knows a change ${id}`, {
      hints: [...lost, ids.length > 0 ? `known: ${ids.join(', ')}` : 'flanctl history lists all'],
    });
  }
  const [first] = change.by.values();
  const {header} = first!;
  const missing = header.nodes.filter((node) => !remembered.journals.has(node));
  if (missing.length > 0) {
    throw new Failure(`the change ${id} cannot be rolled back without all its nodes: ${missing.join(', ')} not reached`, {
      exit: ExitCode.findings,
      hints: [...lost, 'nothing was touched'],
    });
  }
  // Every node was armed before the first step was written anywhere.
  const forgot = [...change.by.values()].some((j) => j.steps.length > 0) ? header.nodes.filter((node) => !change.by.has(node)) : [];
  if (forgot.length > 0) {
    throw new Failure(`the change ${id} cannot be rolled back: ${forgot.join(', ')} does not know of it any more`, {
      exit: ExitCode.findings,
      hints: ['its journal was removed there: the others would go back, and it would not', 'nothing was touched'],
    });
  }
  const newer = changes.find((c) => c.id > id && [...c.by].some(([node, journal]) => change.by.has(node) && undoable(journal)));
  if (newer) {
    throw new Failure(`a newer change stands on top of it: ${newer.id}`, {
      exit: ExitCode.findings,
      hints: [`flanctl rollback ${newer.id}`],
    });
  }
  return undoChange(change, context);
}

async function undoChange({id, by}: KnownChange, {agents, ttl, concurrency, review, onEvent}: RollbackContext): Promise<Outcome> {
  const {header} = [...by.values()][0]!;
  const nodes = [...by.keys()];
  const begun = begunIn(by);
  const crew = new Crew(agents, id, ttl, concurrency);
  const end = (kind: Outcome['kind'], because: readonly string[], left: Outcome['left'], undone: readonly number[]): Outcome => {
    onEvent({kind: 'ended', outcome: kind, because, left});
    const stages = begun.map((b) => ({
      ...b,
      state: undone.includes(b.stage) ? ('undone' as const) : ('failed' as const),
    }));
    return {kind, header, because, left, stages, interrupted: false};
  };
  const refused = await arm(crew, header, nodes, 'keep');
  if (refused.length > 0) {
    await endedAgain(crew, by);
    return end('refused', refused, [], []);
  }
  onEvent({kind: 'armed', nodes, ttl});
  const kept = await crew.each(nodes, (agent) => agent.operations(id));
  const {left: remain, undone, back} = await retreat(crew, nodes, begun, progressOf(by), onEvent);
  const wanted = answered(kept).flatMap(({node, value}) =>
    back.includes(node) && value.size > 0 ? [[node, undoneBy(value)] as const] : [],
  );
  const blind = lostOf(kept).map(({node, lost}) => ({node, what: 'not compared with what it was', why: lost}));
  const differ = review && wanted.length > 0 ? await review(new Map(wanted)) : [];
  const left = [...remain, ...differ, ...blind];
  const anew = [...by]
    .filter(([, journal]) => journal.restarted)
    .map(([node]) => `${node} has been restarted since: its tables began anew`);
  return end(left.length === 0 ? 'rolled-back' : 'stranded', anew, left, undone);
}

/** The furthest that any node is: only when none is past the commit do timers undo everything. */
export function progressOf(by: ReadonlyMap<string, NodeJournal>): Progress {
  const all = [...by.values()];
  if (all.some((j) => j.progress === 'committed')) return 'committed';
  return all.some((j) => j.progress === 'final') ? 'final' : 'applying';
}

/**
 * The stages that left anything to undo, in the plan's order, each with its nodes. Where the undo of one has failed, all of that node are
 * undone again: what was undone after it may have hung on it, as routes do on a device that could not be made. And so are all where nothing is
 * left to undo: who asks for that has read that rows are not as they were.
 */
export function begunIn(by: ReadonlyMap<string, NodeJournal>): readonly Begun[] {
  const open = [...by.values()].some(undoable);
  const begun = new Map<number, Begun>();
  for (const [node, {steps}] of by) {
    const failed = !open || steps.some(({state}) => state === 'undo-failed');
    for (const {stage, phase, title, state} of steps) {
      if (state === 'undone' && !failed) continue;
      const known = begun.get(stage);
      const again = known?.again === true || state === 'undone';
      begun.set(stage, {stage, phase, title, nodes: [...(known?.nodes ?? []), node], ...(again && {again})});
    }
  }
  // A node may have no part in an early stage and be the first that is read.
  return [...begun.values()].sort((a, b) => a.stage - b.stage);
}

/**
 * Where a change was ended before it was armed once more, it is so again and the node's lock is free; one that was open has its timer. What
 * somebody else holds stays his.
 */
export async function endedAgain(crew: Crew, by: ReadonlyMap<string, NodeJournal>): Promise<void> {
  const outcomes = new Map([...by].flatMap(([node, {outcome}]) => (outcome === 'open' ? [] : [[node, outcome] as const])));
  await crew.each([...outcomes.keys()], (agent, node) => agent.finish(crew.id, outcomes.get(node)!));
}
