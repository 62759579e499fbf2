import {expect} from 'vitest';
import {runBatches} from '../../src/core/change/batch.js';
import type {Plan} from '../../src/core/change/plan.js';
import {type Preparation, prepareApply} from '../../src/edge/change/preparing.js';
import {type Evidence, openEvidence} from '../../src/edge/evidence.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';

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

/** Runs the plan's commands as they are, without journal, timer and gates. */
export async function runPlan(lab: Lab, plan: Plan): Promise<void> {
  for (const {work} of plan.stages)
    for (const {node, operations} of work)
      for (const {tool, lines} of runBatches(operations)) {
        const words = tool === 'sh' ? ['sh', '-e', '-s'] : [tool, '-batch', '-'];
        const ran = await runIn(lab, node, words, {input: `${lines.join('\n')}\n`});
        expect(ran.code, `${node}: ${ran.stderr}\n${lines.join('\n')}`).toBe(0);
      }
}
