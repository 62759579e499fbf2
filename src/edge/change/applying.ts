import {titleOf} from '../../core/change/title.js';
import {view} from '../../core/model/view.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {Evidence} from '../evidence.js';
import type {ChangePlan, ChangeReport} from '../reporters/documents.js';
import type {ChangeOptions} from './change-options.js';
import {clearTheWay} from './clear-the-way.js';
import {controlStages} from './control.js';
import {planDocument} from './plan-document.js';
import {type ApplyWish, prepareApply} from './preparing.js';
import {runChange} from './run-change.js';
import {openRunners} from './runners.js';
import {unbegun} from './unbegun.js';

export type Applied =
  | {readonly kind: 'ChangeReport'; readonly report: ChangeReport}
  | {readonly kind: 'ChangePlan'; readonly plan: ChangePlan};

/**
 * `flanctl apply`: reads, plans a repair or takes a plan that was saved, asks, and runs.
 * @throws Failure when it cannot be planned, was not confirmed, or the plan's controller finds its configuration changed.
 */
export async function apply(
  evidence: Evidence,
  wish: ApplyWish,
  {dryRun, ...options}: ChangeOptions & {readonly dryRun: boolean},
): Promise<Applied> {
  const {reach} = evidence;
  const {signal} = options;
  if (!reach && !dryRun)
    throw new Failure('a snapshot cannot be changed: name live nodes', {hints: ['--inventory FILE', '--lab NAME', '--dry-run']});
  const {refused, yes} = reach && !dryRun ? await clearTheWay('apply', reach, options) : {yes: options.yes};
  if (refused) return {kind: 'ChangeReport', report: refused};
  const prepared = await prepareApply(evidence, wish);
  signal.throwIfAborted();
  if (prepared.kind === 'refused') throw new Failure(prepared.because[0]!, {hints: prepared.because.slice(1), exit: ExitCode.findings});
  const {plan, cluster, states} = prepared;
  if (dryRun || !reach) return {kind: 'ChangePlan', plan: planDocument(plan)};
  const title = titleOf(plan);
  const {what, left, warnings} = plan;
  if (plan.stages.length === 0 && !plan.control) {
    const report = unbegun({what, title, outcome: 'nothing-to-do', because: [], exit: ExitCode.ok, left, warnings});
    return {kind: 'ChangeReport', report};
  }
  await using runners = openRunners(reach.addresses, reach.transport);
  const views = [...states.values()].map((state) => view(cluster, state));
  const control = await controlStages(plan, {
    nodes: views.map((v) => v.name),
    runners,
    signal,
    records: evidence.given.records,
    client: reach.client,
  });
  const report = await runChange(plan, {cluster, views}, {...options, yes, title, reach, runners, control});
  return {kind: 'ChangeReport', report};
}
