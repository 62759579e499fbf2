import {ExitCode} from '../../exit-code.js';
import type {ChangeReport} from './documents.js';

export type LedgerDocument = NonNullable<ChangeReport['ledger']>;
export type FlowDocument = LedgerDocument['flows'][number];
type Gap = FlowDocument['gaps'][number];

/** Flows that somebody would have noticed, those that lost most first. */
export const troubled = ({flows}: LedgerDocument): readonly FlowDocument[] =>
  flows.filter((f) => f.lost + f.reordered + f.duplicated > 0).toSorted((a, b) => b.lost - a.lost || b.reordered - a.reordered);

/** The stage during which the gap began: the last that had begun by then. The nodes' clocks may be off, so it is a hint. */
export const stageAt = ({stages}: ChangeReport, {at}: Gap): string | undefined =>
  stages.findLast((stage) => stage.at !== null && Date.parse(stage.at) / 1000 <= at)?.title;

/** Why flows were not measured, with how many of each; those of most first. */
export function unmeasured({notMeasured}: LedgerDocument): readonly (readonly [string, number])[] {
  const count = new Map<string, number>();
  for (const {why} of notMeasured) count.set(why, (count.get(why) ?? 0) + 1);
  return [...count].toSorted(([, a], [, b]) => b - a);
}

/** `none lost` is said only of what was measured. */
export function verdictOf(ledger: LedgerDocument): string {
  const {total, flows, notMeasured, left} = ledger;
  const counted = `${total.sent} echoes in ${flows.length} flows`;
  const parts = [
    total.lost === 0 ? 'none lost' : `${total.lost} lost`,
    total.reordered === 0 ? 'none reordered' : `${total.reordered} reordered`,
    ...(total.duplicated === 0 ? [] : [`${total.duplicated} came twice`]),
    ...(notMeasured.length === 0 ? [] : [`${notMeasured.length} flows not measured`]),
    ...(left === 0 ? [] : [`${left} pairs of nodes left out of the sample`]),
  ];
  return flows.length === 0 ? `nothing was measured: ${notMeasured.length} flows` : `${counted}: ${parts.join(', ')}`;
}

/** `14 s`, `0.42 s`, `3 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds >= 120) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${seconds >= 10 ? Math.round(seconds) : Number(seconds.toPrecision(2))} s`;
}

/** What the outcome is called, and whether it is a good one. */
const outcomes: {readonly [O in ChangeReport['outcome']]: {readonly says: string; readonly is: 'good' | 'bad' | 'mild'}} = {
  done: {says: 'done', is: 'good'},
  'nothing-to-do': {says: 'nothing to do', is: 'good'},
  planned: {says: 'only planned: nothing was changed', is: 'mild'},
  refused: {says: 'refused: nothing was changed', is: 'bad'},
  'rolled-back': {says: 'failed and rolled back: the cluster is as before', is: 'bad'},
  stranded: {says: 'failed, and not all could be put back', is: 'bad'},
};

/** What became of the change, in words: that its operator pressed ^C is no failure. */
export const outcomeOf = ({outcome, exit}: ChangeReport): {readonly says: string; readonly is: 'good' | 'bad' | 'mild'} =>
  outcome === 'rolled-back' && exit === ExitCode.interrupted
    ? {says: 'interrupted, and taken back: the cluster is as before', is: 'bad'}
    : outcomes[outcome];
