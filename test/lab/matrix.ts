import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {Finding} from '../../src/core/rules/fold.js';
import {factsOf, runSteps} from '../../src/edge/lab/break.js';
import {labDown} from '../../src/edge/lab/down.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab, LabSpec} from '../../src/edge/lab/topology.js';
import {defaultSpec, layOut} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {doctor} from './flanctl.js';

const brief = (findings: readonly Finding[]): string[] => findings.map((f) => `${f.severity} ${f.id}: ${f.message}`);

/**
 * Every fault that fits this lab, on the real kernel: doctor names the expected rule on the expected node first and finds nothing
 * unrelated; its severity is `error` exactly when packets are lost; the remedy from its JSON heals the lab.
 */
export function matrix(wish: Partial<LabSpec> & {readonly name: string}): void {
  const spec: LabSpec = {...defaultSpec, ...wish};
  const facts = factsOf(layOut(spec, '/nowhere'));
  let lab: Lab;
  const up = async () => {
    lab = await labUp(spec, {replace: true});
  };
  beforeAll(up);
  afterAll(async () => {
    await labDown(spec.name);
  });

  test('healthy before anything is broken', async () => {
    const report = await doctor(['--lab', spec.name]);
    expect({findings: brief(report.findings), notEvaluated: report.notEvaluated, code: report.code}).toEqual({
      findings: [],
      notEvaluated: [],
      code: 0,
    });
    expect((await labPing(lab)).pairs.filter((p) => !p.small || !p.large)).toEqual([]);
  });

  describe.each(faults.filter((fault) => fault.fits(facts)).map((fault) => [fault.id, fault] as const))('%s', (_, fault) => {
    test('is named, judged by its effect, and healed by the printed remedy', async () => {
      const {rule, node} = fault.expect(facts);
      try {
        await runSteps(lab, fault.inject(facts));
        const report = await doctor(['--lab', spec.name]);
        expect(brief(report.findings).length, brief(report.findings).join('\n')).toBeGreaterThan(0);
        const [top] = report.findings;
        expect({rule: top!.rule, node: top!.node}, brief(report.findings).join('\n')).toEqual({rule, node});
        expect(brief(report.findings.slice(1)), 'nothing unrelated').toEqual([]);
        const lost = (await labPing(lab)).pairs.filter((p) => !p.small || !p.large);
        const severity = lost.length > 0 ? 'error' : 'warning';
        expect(top!.severity, `${lost.length} pairs lost packets: ${JSON.stringify(lost.slice(0, 4))}`).toBe(severity);
        expect(report.code).toBe(severity === 'error' ? 1 : report.notEvaluated.length > 0 ? 3 : 0);
        if (fault.byHand) {
          expect({steps: top!.remedy.steps, fixable: top!.fixable}).toEqual({steps: [], fixable: false});
          await runSteps(lab, fault.fix(facts));
        } else {
          expect(top!.remedy.steps.length).toBeGreaterThan(0);
          await runSteps(
            lab,
            top!.remedy.steps.map(({node: at, run}) => ({at, run})),
          );
        }
        const healed = await doctor(['--lab', spec.name]);
        expect({findings: brief(healed.findings), code: healed.code}).toEqual({findings: [], code: 0});
        expect((await labPing(lab)).pairs.filter((p) => !p.small || !p.large)).toEqual([]);
      } catch (error) {
        // One fault that was not healed must not fail those after it.
        await up();
        throw error;
      }
    });

    test('is taken back by lab fix', async () => {
      await runSteps(lab, fault.inject(facts));
      await runSteps(lab, fault.fix(facts));
      const report = await doctor(['--lab', spec.name]);
      const lost = (await labPing(lab)).pairs.filter((p) => !p.small || !p.large);
      if (report.code !== 0 || lost.length > 0) await up();
      expect({findings: brief(report.findings), lost, code: report.code}).toEqual({findings: [], lost: [], code: 0});
    });
  });
}
