import {readFile} from 'node:fs/promises';
import type {Plan} from '../../core/change/plan.js';
import {modeOf} from '../../core/modes/index.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {ChangePlan} from '../reporters/documents.js';
import {type ChangeStage, stagesOf, withControl} from './stages.js';

/** The plan with its commands, and those of whoever keeps flanneld's configuration, as it is printed and saved. */
export const planDocument = (plan: Plan, control: readonly ChangeStage[] = []): ChangePlan => ({
  plan: plan as unknown as ChangePlan['plan'],
  steps: withControl(stagesOf(plan), control, plan).stages.flatMap(({title, work}) =>
    work.map(({node, run, undo}) => ({stage: title, node, run, undo})),
  ),
  exit: ExitCode.ok,
});

/**
 * A plan that was saved (`--dry-run -o json > plan.json`). Only its operations are taken; the commands in it are made from them again.
 * @throws Failure when it cannot be read or is no plan
 */
export async function readPlan(file: string): Promise<Plan> {
  const wrong = (why: string): never => {
    throw new Failure(`--plan: ${file} ${why}`, {hints: ['flanctl apply --dry-run -o json > plan.json writes one']});
  };
  const text = await readFile(file, 'utf8').catch((error: Error) => wrong(`cannot be read: ${error.message}`));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return wrong('is not JSON');
  }
  const {kind, apiVersion, ...document} = (typeof value === 'object' && value !== null ? value : {}) as {[name: string]: unknown};
  if (kind !== 'ChangePlan') return wrong('is no ChangePlan');
  if (apiVersion !== 'flanctl.dev/v1alpha1') return wrong(`is of another version: ${String(apiVersion)}`);
  const {changePlan} = await import('../reporters/plan-schema.js');
  const read = changePlan.safeParse(document);
  if (!read.success) {
    const [issue] = read.error.issues;
    return wrong(`is no plan that can be run: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const plan = read.data.plan as unknown as Plan;
  if (plan.what === 'migrate' && modeOf(plan.to.type)?.fabric !== undefined)
    return wrong(`is to be read and not run: the rows of ${plan.to.type} are the cloud's`);
  return plan;
}
