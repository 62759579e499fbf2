import {titleOf} from '../../core/change/title.js';
import {view} from '../../core/model/view.js';
import {ExitCode} from '../../exit-code.js';
import type {Reach} from '../evidence.js';
import type {ChangeReport} from '../reporters/documents.js';
import {controlStages} from './control.js';
import type {Prepared} from './preparing.js';
import {runChange} from './run-change.js';
import {openRunners} from './runners.js';
import {unbegun} from './unbegun.js';

export interface ApplyOptions {
  readonly reach: Reach;
  /** How often yes was said on the command line. */
  readonly yes: number;
  /** Nodes whose irreversible operations the operator takes. */
  readonly accepted: readonly string[];
  /** Seconds without a word from here after which a node undoes its part. */
  readonly ttl: number;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
  readonly notice: (message: string) => void;
}

/**
 * Runs a repair, or a plan that was saved. Without a ledger: what is repaired loses packets before.
 * @throws Failure when it was not confirmed, or the plan's controller finds its configuration changed.
 */
export async function applyPlan({plan, cluster, states}: Prepared, options: ApplyOptions): Promise<ChangeReport> {
  const title = titleOf(plan);
  const {what, left, warnings} = plan;
  if (plan.stages.length === 0 && !plan.control)
    return unbegun({what, title, outcome: 'nothing-to-do', because: [], exit: ExitCode.ok, left, warnings});
  await using runners = openRunners(options.reach.addresses, options.reach.transport);
  const views = [...states.values()].map((state) => view(cluster, state));
  const control = await controlStages(plan, {nodes: views.map((v) => v.name), runners, signal: options.signal});
  return runChange(plan, {cluster, views}, {...options, title, probeInterval: what === 'migrate' ? 0.01 : 0, runners, control});
}
