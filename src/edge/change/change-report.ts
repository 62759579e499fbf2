import type {ChangeReport} from '../reporters/documents.js';
import type {ChangeEvent, Outcome} from './outcome.js';
import {exitOf} from './outcome.js';

/** When each stage began and how long it took, its gate included: heard from the events of a change as they come. */
export class Chronicle {
  readonly since = new Date().toISOString();
  readonly #start = performance.now();
  readonly #began = new Map<number, {at: string; clock: number}>();
  readonly #seconds = new Map<number, number>();

  hear(event: ChangeEvent): void {
    if ((event.kind === 'stage' || event.kind === 'undo') && event.state === 'begun') {
      this.#began.set(event.stage, {at: new Date().toISOString(), clock: performance.now()});
    }
    const over = (event.kind === 'stage' || event.kind === 'undo') && event.state !== 'begun';
    if (!over && !(event.kind === 'gate' && event.state !== 'begun')) return;
    const began = this.#began.get(event.stage);
    if (began) this.#seconds.set(event.stage, (performance.now() - began.clock) / 1000);
  }

  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  stage(index: number): {at: string | null; seconds: number | null} {
    return {at: this.#began.get(index)?.at ?? null, seconds: this.#seconds.get(index) ?? null};
  }
}

/** A stage as the report lists it, whether or not it was reached. */
export interface ReportedStage {
  readonly stage: number;
  readonly phase: ChangeReport['stages'][number]['phase'];
  readonly title: string;
  readonly nodes: readonly string[];
  readonly operations: number | null;
}

export interface Reported {
  readonly what: ChangeReport['what'];
  readonly outcome: Outcome;
  readonly stages: readonly ReportedStage[];
  readonly warnings?: readonly string[];
  /** Connections that a step cuts, or was held back for. */
  readonly cuts?: ChangeReport['cuts'];
  /** What the plan left alone, before what the change could not put back. */
  readonly left?: ChangeReport['left'];
  readonly ledger?: ChangeReport['ledger'];
  readonly chronicle: Chronicle;
}

/** For a rollback, back where it was is what was asked for: done, exit 0. */
export function changeReport({what, outcome, stages, warnings = [], cuts, left = [], ledger = null, chronicle}: Reported): ChangeReport {
  const {header, kind, because} = outcome;
  const asked = what === 'rollback' && kind === 'rolled-back';
  const failed = outcome.left.some((l) => l.what === 'not undone');
  const state = (index: number): ChangeReport['stages'][number]['state'] => {
    const found = outcome.stages.find((s) => s.stage === index)?.state;
    if (found === undefined) return 'not-reached';
    return found === 'failed' && failed ? 'undo-failed' : found;
  };
  return {
    id: header.id,
    what,
    title: what === 'rollback' ? `rollback of ${header.title}` : header.title,
    operator: header.operator,
    since: chronicle.since,
    seconds: chronicle.seconds,
    nodes: header.nodes,
    outcome: asked ? 'done' : kind,
    because,
    stages: stages.map(({stage, phase, title, nodes, operations}) => ({
      phase,
      title,
      nodes,
      operations,
      state: state(stage),
      ...chronicle.stage(stage),
    })),
    warnings,
    ...(cuts !== undefined && {cuts}),
    left: [...left, ...outcome.left],
    ledger,
    exit: asked ? 0 : exitOf(outcome),
  };
}
