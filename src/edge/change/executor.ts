import type {NodeAgent, Progress} from './agent.js';
import {arm} from './arm.js';
import {answered, Crew, lostOf} from './crew.js';
import type {GateResult} from './gate.js';
import {openJournal, type SavedChange} from './local-journal.js';
import type {ChangeEvent, Left, Outcome} from './outcome.js';
import {pauseAt} from './pause.js';
import {type Begun, retreat} from './retreat.js';
import {doneBy, keptIn, type Review, undoneBy} from './review.js';
import {afterCommit, type ChangeStage} from './stages.js';

export interface ChangeContext {
  readonly change: SavedChange;
  readonly agents: ReadonlyMap<string, NodeAgent>;
  /** Nodes at a time. */
  readonly concurrency?: number;
  /** Asked after every stage; the timers are not extended past it unless it is open. It has `ttl` seconds. */
  readonly gate: (stage: number, nodes: readonly string[]) => Promise<GateResult>;
  /** Looks at the nodes again after a change that was turned back, and after one that was resumed, whose gates compare no tables. */
  readonly review?: Review;
  readonly onEvent: (event: ChangeEvent) => void;
  /** ^C: the stage under way is brought to its end, then everything is undone. */
  readonly signal: AbortSignal;
  /** What is done already, when a change is resumed; and how far it is. */
  readonly done?: (stage: number, node: string) => boolean;
  readonly reached?: Progress;
}

/**
 * Runs a change: lock and timer on every node, the stages one after the other, each on all its nodes and then its gate; after the last flip
 * the commit in two steps, for which see docs/adr/0005-dead-man.md; then what only the old path needed. What fails is undone.
 * @throws Failure when this machine cannot keep its journal before anything was done.
 */
export async function execute(context: ChangeContext): Promise<Outcome> {
  const {change, agents, gate, signal} = context;
  const {header, stages, ttl} = change;
  const done = context.done ?? (() => false);
  const nodes = header.nodes;
  const crew = new Crew(agents, header.id, ttl, context.concurrency);
  // Every return below waits for what it returns: the journal is closed on the way out.
  await using journal = await openJournal(change);
  /** What is undone is not held up by a journal that cannot be written. */
  let turning = false;
  const tell = async (event: ChangeEvent): Promise<void> => {
    context.onEvent(event);
    await journal.note(event).catch((error: Error) => {
      if (!turning) throw error;
    });
  };
  const states = new Map<number, 'done' | 'failed' | 'undone'>();
  const begun: Begun[] = [];
  let progress: Progress = context.reached ?? 'applying';

  const outcome = async (kind: Outcome['kind'], because: readonly string[], left: readonly Left[] = []): Promise<Outcome> => {
    turning = true;
    await tell({kind: 'ended', outcome: kind, because, left});
    const list = begun.map(({stage, phase, title, nodes: of}) => ({
      stage,
      phase,
      title,
      nodes: of,
      state: states.get(stage) ?? ('failed' as const),
    }));
    return {kind, header, because, left, stages: list, interrupted: signal.aborted};
  };
  const reviewed = async (ran: ReturnType<typeof keptIn>, wanted: typeof doneBy): Promise<readonly Left[]> =>
    ran.size === 0 ? [] : ((await context.review?.(new Map([...ran].map(([node, kept]) => [node, wanted(kept)])))) ?? []);
  const back = async (because: readonly string[]): Promise<Outcome> => {
    turning = true;
    await tell({kind: 'turning-back', because});
    const {left: kept, undone, back: reached} = await retreat(crew, nodes, begun, progress, (event) => void tell(event));
    for (const stage of undone) states.set(stage, 'undone');
    const ran = keptIn(stages, (stage, node) => reached.includes(node) && begun.some((b) => b.stage === stage && b.nodes.includes(node)));
    const left = [...kept, ...(await reviewed(ran, undoneBy))];
    return outcome(left.length === 0 ? 'rolled-back' : 'stranded', because, left);
  };

  await pauseAt('arm', 'before');
  const refused = await arm(crew, header, nodes, context.reached === undefined ? 'applying' : 'keep');
  if (refused.length > 0) return await outcome('refused', refused);
  const unwritten = await tell({kind: 'armed', nodes, ttl}).then(() => [], journalFailure);
  if (unwritten.length > 0) return await back(unwritten);
  await pauseAt('arm', 'after');
  for (const [index, {phase, title, work}] of stages.entries()) {
    const earlier = work.filter(({node}) => done(index, node)).map(({node}) => node);
    if (earlier.length > 0) begun.push({stage: index, phase, title, nodes: earlier});
    if (earlier.length > 0) states.set(index, 'done');
  }

  /** One stage, its gate, its winding; why it went wrong, if it did. */
  const pass = async (index: number, stage: ChangeStage): Promise<readonly string[]> => {
    const {phase, title, slow} = stage;
    const work = stage.work.filter(({node}) => !done(index, node));
    const touched = work.map(({node}) => node);
    if (touched.length === 0) return [];
    await pauseAt(index, 'before');
    if (signal.aborted) return ['interrupted'];
    await tell({kind: 'stage', stage: index, phase, title, state: 'begun'});
    begun.push({stage: index, phase, title, nodes: touched});
    const answers = await crew.during(nodes, progress, () =>
      crew.each(touched, async (agent, node) => {
        const result = await agent.run(header.id, {stage: index, phase, title, ...(slow && {slow}), ...work.find((w) => w.node === node)!});
        context.onEvent({kind: 'node', stage: index, node, state: result.kind === 'done' ? 'done' : 'failed'});
        return result;
      }),
    );
    const wrong = [
      ...lostOf(answers).map(({lost}) => lost),
      ...answered(answers).flatMap(({node, value}) => {
        if (value.kind === 'failed') return [`${node}: ${value.why}`];
        return value.kind === 'expired' ? [`${node}: its dead-man timer has run out or was ended`] : [];
      }),
    ];
    states.set(index, wrong.length === 0 ? 'done' : 'failed');
    await tell({kind: 'stage', stage: index, phase, title, state: wrong.length === 0 ? 'done' : 'failed'});
    await pauseAt(index, 'after');
    if (wrong.length > 0) return wrong;
    const unwound = await crew.extend(nodes, progress);
    if (unwound.length > 0) return unwound;
    await tell({kind: 'gate', stage: index, state: 'begun', because: []});
    const {ok, because} = await gate(index, touched);
    await tell({kind: 'gate', stage: index, state: ok ? 'open' : 'shut', because});
    if (!ok) return because;
    return signal.aborted ? ['interrupted'] : crew.extend(nodes, progress);
  };

  const passAll = async (wanted: (stage: ChangeStage) => boolean): Promise<readonly string[]> => {
    for (const [index, stage] of stages.entries()) {
      const wrong = wanted(stage) ? await pass(index, stage).catch(journalFailure) : [];
      if (wrong.length > 0) return wrong;
    }
    return [];
  };

  const wrong = await passAll((stage) => !afterCommit(stage.phase));
  if (wrong.length > 0) return await back(wrong);
  if (progress !== 'committed') {
    for (const next of ['final', 'committed'] as const) {
      await pauseAt(next, 'before');
      const unwound = await crew.extend(nodes, next);
      progress = next;
      await tell({kind: 'progress', progress}).catch(() => undefined);
      if (unwound.length > 0) return await back(unwound);
      await pauseAt(next, 'after');
    }
  }
  const late = await passAll((stage) => afterCommit(stage.phase));
  if (late.length > 0) return await back(late);
  await pauseAt('finish', 'before');
  const open = lostOf(await crew.each(nodes, (agent) => agent.finish(header.id, 'done')));
  await pauseAt('finish', 'after');
  const differ =
    context.done === undefined
      ? []
      : await reviewed(
          keptIn(stages, (_, node) => !open.some((o) => o.node === node)),
          doneBy,
        );
  const unheard = open.map(({node, lost}) => ({node, what: 'its journal still calls the change open', why: lost}));
  return await outcome(differ.length === 0 ? 'done' : 'stranded', [], [...differ, ...unheard]);
}

function journalFailure(error: unknown): readonly string[] {
  if (error instanceof Error && error.name === 'Failure') return [error.message];
  throw error;
}
