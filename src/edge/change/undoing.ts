import type {Reach} from '../evidence.js';
import type {ChangeReport} from '../reporters/documents.js';
import type {NodeAgent} from './agent.js';
import {Chronicle, changeReport} from './change-report.js';
import {reviewSince} from './review.js';
import {type KnownChange, type Remembered, rollback} from './rollback.js';
import {openRunners} from './runners.js';
import {teller} from './tell.js';

export interface UndoOptions {
  readonly agents: ReadonlyMap<string, NodeAgent>;
  readonly reach: Reach;
  /** Seconds. */
  readonly ttl: number;
  readonly signal: AbortSignal;
  readonly quiet: boolean;
  readonly notice: (message: string) => void;
}

/**
 * `flanctl rollback` of one change: what answers now, the undo, and a second look at the nodes.
 * @throws Failure as `rollback` does
 */
export async function undoReviewed(
  id: string,
  change: KnownChange | undefined,
  remembered: Remembered,
  {agents, reach, ttl, signal, quiet, notice}: UndoOptions,
): Promise<ChangeReport> {
  const chronicle = new Chronicle();
  await using runners = openRunners(reach.addresses, reach.transport);
  const [known] = change?.by.values() ?? [];
  const since = known && (await reviewSince(known.header, reach, runners, signal));
  for (const line of since?.unread ?? []) notice(`its pairs are not compared: ${line}`);
  const told = await teller({quiet, ttl, notice});
  const outcome = await rollback(id, remembered, {
    agents,
    ttl,
    concurrency: reach.concurrency,
    ...(since && {review: since.review}),
    onEvent(event) {
      chronicle.hear(event);
      told.hear(event);
    },
  }).finally(told.end);
  const stages = outcome.stages.map((s) => ({...s, operations: null}));
  return changeReport({what: 'rollback', outcome, chronicle, stages});
}
