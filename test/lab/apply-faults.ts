import type {Plan} from '../../src/core/change/plan.js';
import {applyPlan} from '../../src/edge/change/applying.js';
import {type Preparation, prepareApply} from '../../src/edge/change/preparing.js';
import {type Evidence, openEvidence} from '../../src/edge/evidence.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangeReport} from '../../src/edge/reporters/documents.js';

/** The lab as apply reads it, gathered at this moment. */
export const evidenceOf = (lab: Lab): Promise<Evidence> =>
  openEvidence(
    {lab: lab.spec.name, pods: 'all', timeout: 30, concurrency: 8, 'ssh-host-keys': 'strict'},
    {signal: new AbortController().signal, quiet: true, notice: () => undefined},
  );

export const prepare = async (lab: Lab, wish: Partial<Parameters<typeof prepareApply>[1]> = {}): Promise<Preparation> =>
  prepareApply(await evidenceOf(lab), {prune: false, ...wish});

export async function planned(lab: Lab, wish: Partial<Parameters<typeof prepareApply>[1]> = {}): Promise<Plan> {
  const made = await prepare(lab, wish);
  if (made.kind === 'refused') throw new Error(made.because.join('\n'));
  return made.plan;
}

/** Applies for real: lock, journal, timers and gates. */
export async function applied(lab: Lab, wish: Partial<Parameters<typeof prepareApply>[1]> = {}): Promise<ChangeReport> {
  const evidence = await evidenceOf(lab);
  const made = await prepareApply(evidence, {prune: false, ...wish});
  if (made.kind === 'refused') throw new Error(made.because.join('\n'));
  const signal = new AbortController().signal;
  return applyPlan(made, {reach: evidence.reach!, yes: true, accepted: [], ttl: 60, signal, notice: () => undefined});
}
