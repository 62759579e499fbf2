import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {Finding} from '../../src/core/rules/fold.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {gather} from '../../src/edge/gather/gather.js';
import {factsOf, runSteps} from '../../src/edge/lab/break.js';
import {labDown} from '../../src/edge/lab/down.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {labPing} from '../../src/edge/lab/ping.js';
import {defaultSpec, type Lab, type LabSpec, layOut} from '../../src/edge/lab/topology.js';
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

  const lost = async (once: boolean) => (await labPing(lab, {once})).pairs.filter((p) => !p.small || !p.large);
  /** What doctor finds, without starting a process for it. */
  const judged = async () => {
    const addresses = lab.nodes.map(({name, pid}) => ({node: name, via: 'netns' as const, pid: pid!}));
    const dumps: NodeDump[] = [];
    for await (const dump of gather(addresses, {transport: {sshHostKeys: 'strict', notice: () => {}}})) dumps.push(dump);
    const {findings, notEvaluated, gaps} = await diagnose(
      {
        async *nodes() {
          yield* dumps;
        },
      },
      {netConf: lab.netConf},
      rules,
    );
    return {findings: brief(findings), notEvaluated, gaps};
  };
  /**
   * The kernel asks a neighbour three times, a second apart: a row that went unanswered while something was broken may turn FAILED after it was
   * healed, until the next packet. That is true, and says nothing of now.
   */
  const settle = async () => {
    await runSteps(
      lab,
      lab.nodes.map(({name}) => ({at: name, run: 'ip neigh flush dev eth0; ip -6 neigh flush dev eth0'})),
    );
  };
  const clean = {findings: [], notEvaluated: [], gaps: []};

  test('healthy before anything is broken', async () => {
    const report = await doctor(['--lab', spec.name]);
    expect({findings: brief(report.findings), notEvaluated: report.notEvaluated, code: report.code}).toEqual({
      findings: [],
      notEvaluated: [],
      code: 0,
    });
    expect(await lost(false)).toEqual([]);
  });

  describe.each(faults.filter((fault) => fault.fits(facts)).map((fault) => [fault.id, fault] as const))('%s', (_, fault) => {
    test('is named, judged by its effect, and healed by the printed remedy; and lab fix takes it back', async () => {
      const {rule, node} = fault.expect(facts);
      try {
        await runSteps(lab, fault.inject(facts));
        const report = await doctor(['--lab', spec.name]);
        const said = brief(report.findings);
        const [top] = report.findings;
        expect(top && {rule: top.rule, node: top.node}, said.join('\n')).toEqual({rule, node});
        expect(said.slice(1), 'nothing unrelated').toEqual([]);
        const broken = await lost(top!.severity === 'error');
        expect(broken.length > 0 ? 'error' : 'warning', `${broken.length} pairs lost packets: ${JSON.stringify(broken.slice(0, 4))}`).toBe(
          top!.severity,
        );
        expect(report.code).toBe(top!.severity === 'error' ? 1 : report.notEvaluated.length > 0 ? 3 : 0);
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
        await settle();
        const healed = await doctor(['--lab', spec.name]);
        expect({findings: brief(healed.findings), code: healed.code}).toEqual({findings: [], code: 0});
        expect(await lost(false)).toEqual([]);
        if (fault.byHand) return;
        await runSteps(lab, fault.inject(facts));
        await runSteps(lab, fault.fix(facts));
        await settle();
        expect(await judged()).toEqual(clean);
        expect(await lost(false)).toEqual([]);
      } catch (error) {
        // One fault that was not healed must not fail those after it.
        await up();
        throw error;
      }
    });
  });
}
