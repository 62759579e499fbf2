import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {NodeAgent, Progress} from './agent.js';
import {arm} from './arm.js';
import {Crew, lostOf} from './crew.js';
import {type ChangeContext, execute} from './executor.js';
import type {GateResult} from './gate.js';
import type {SavedChange} from './local-journal.js';
import type {Outcome} from './outcome.js';
import {endedAgain, progressOf, type Remembered} from './rollback.js';

export interface ResumeContext extends Omit<ChangeContext, 'change' | 'done' | 'reached'> {
  /** May it go on from here? Asked when what was cut off is undone; `done`: is the whole stage? */
  readonly soFar?: (done: (stage: number) => boolean) => Promise<GateResult>;
}

/**
 * Goes on with a change that was begun and not ended, from where its nodes stand: a step that was cut off is undone and run again, one that a
 * timer has undone is run again.
 * @throws Failure when a node cannot be reached or the change is ended: nothing was done then.
 */
export async function resume(change: SavedChange, remembered: Remembered, context: ResumeContext): Promise<Outcome> {
  const {header, stages, ttl} = change;
  const missing = header.nodes.filter((node) => !remembered.journals.has(node));
  if (missing.length > 0) {
    throw new Failure(`the change ${header.id} cannot go on without all its nodes: ${missing.join(', ')} not reached`, {
      exit: ExitCode.findings,
      hints: remembered.lost.map((l) => l.lost),
    });
  }
  const by = new Map(
    [...remembered.journals].flatMap(([node, list]) => {
      const journal = list.find((j) => j.header.id === header.id);
      return journal ? [[node, journal] as const] : [];
    }),
  );
  const ended = [...by.values()].find((j) => j.outcome === 'done' || j.outcome === 'rolled-back');
  if (ended?.outcome === 'rolled-back' || [...by.values()].every((j) => j.outcome === 'done')) {
    throw new Failure(`the change ${header.id} is ended: ${ended?.outcome ?? 'no node knows it'}`, {exit: ExitCode.findings});
  }
  const anew = [...by].filter(([, journal]) => journal.restarted).map(([node]) => node);
  if (anew.length > 0) {
    throw new Failure(
      `the change ${header.id} cannot go on: ${anew.join(', ')} has been restarted since, and what was done there is gone`,
      {
        exit: ExitCode.findings,
        hints: [`flanctl rollback ${header.id} brings the others back`, 'nothing was touched'],
      },
    );
  }
  const reached = progressOf(by) === 'committed' ? 'committed' : 'applying';
  const crew = new Crew(context.agents, header.id, ttl, context.concurrency);
  const state = (stage: number, node: string): string | undefined => by.get(node)?.steps.find((s) => s.stage === stage)?.state;
  const refused = await arm(crew, header, header.nodes, 'keep');
  if (refused.length > 0) {
    await endedAgain(crew, by);
    return {kind: 'refused', header, because: refused, left: [], stages: [], interrupted: false};
  }
  // Where none is past the commit, a timer that runs out takes the node all the way back, as at the beginning.
  await crew.extend(header.nodes, reached);
  await undoCutOff(crew, context.agents, stages.length, header.nodes, state);
  await finishLast(crew, header.nodes, reached, stages, state);
  const whole = (stage: number) => stages[stage]?.work.every(({node}) => state(stage, node) === 'done') ?? true;
  const soFar = await crew.during(header.nodes, reached, async () => context.soFar?.(whole));
  if (soFar && !soFar.ok)
    throw new Failure(`cannot go on: ${soFar.because.join('; ')}`, {
      exit: ExitCode.findings,
      hints: ['flanctl rollback takes it back', 'flanctl migrate --resume asks again'],
    });
  return execute({...context, change, reached, done: (stage, node) => state(stage, node) === 'done'});
}

async function undoCutOff(
  crew: Crew,
  agents: ReadonlyMap<string, NodeAgent>,
  stages: number,
  nodes: readonly string[],
  state: (stage: number, node: string) => string | undefined,
): Promise<void> {
  for (let stage = stages - 1; stage >= 0; stage--) {
    const cut = nodes.filter((node) => agents.has(node) && ['begun', 'failed', 'undo-failed'].includes(state(stage, node) ?? ''));
    const answers = await crew.each(cut, (agent) => agent.undo(crew.id, [stage]));
    for (const {lost} of lostOf(answers)) throw new Failure(`cannot go on: ${lost}`, {exit: ExitCode.findings});
  }
}

/**
 * What flanctl itself does comes after the node has written it down: of the last one nobody knows whether it was done. It is not undone first,
 * for that would start a flanneld that goes the old way while the routes go the new one.
 * @throws Failure when it cannot be done now either.
 */
async function finishLast(
  crew: Crew,
  nodes: readonly string[],
  reached: Progress,
  stages: SavedChange['stages'],
  state: (stage: number, node: string) => string | undefined,
): Promise<void> {
  const last = stages.findLastIndex((_, stage) => nodes.some((node) => state(stage, node) === 'done'));
  for (const work of stages[last]?.work ?? []) {
    if (state(last, work.node) !== 'done' || !work.operations?.some((op) => op.on === 'kube')) continue;
    const [answer] = await crew.during(nodes, reached, () =>
      crew.each([work.node], async (agent) => (await agent.redo?.(work)) ?? {kind: 'done' as const}),
    );
    const why = answer && ('lost' in answer ? answer.lost : answer.value.kind === 'failed' ? answer.value.why : undefined);
    if (why !== undefined) throw new Failure(`cannot go on: ${why}`, {exit: ExitCode.findings, hints: ['flanctl rollback takes it back']});
  }
}
