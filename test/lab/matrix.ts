import {setTimeout as sleep} from 'node:timers/promises';
import {isDeepStrictEqual} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {Finding} from '../../src/core/rules/fold.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {gather} from '../../src/edge/gather/gather.js';
import {factsOf, runSteps} from '../../src/edge/lab/break.js';
import {labDown} from '../../src/edge/lab/down.js';
import type {Fault} from '../../src/edge/lab/faults/fault.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {labPing} from '../../src/edge/lab/ping.js';
import {defaultSpec, type Lab, type LabSpec, layOut} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {doctor} from './flanctl.js';
import {givenOf} from './given.js';
import {compare} from './prediction.js';

const brief = (findings: readonly Finding[]): string[] => findings.map((f) => `${f.severity} ${f.id}: ${f.message}`);

/** An emulated machine that has to wait for its host takes its time, which is no fault of the lab's. */
const PATIENCE_MS = 120_000;

/** The command itself is started for one fault of so many, since that takes two seconds; the others ask what it asks. */
const EVERY = 8;

/** The rows of dynamic neighbours of nodes on the wire, and those that nobody answered for on bridges and in pods; one `ip` each, both families. */
async function forgetUnanswered(lab: Lab): Promise<void> {
  const unanswered = (dev: string) => `neigh flush dev ${dev} nud failed\nneigh flush dev ${dev} nud incomplete`;
  await Promise.all(
    lab.nodes.map(({name, pods}) => {
      // In a cloud pods hang on many devices.
      const ports = lab.cloud ? 'neigh flush nud failed\nneigh flush nud incomplete' : unanswered('cni0');
      const inPods = pods.map((pod) => `ip -n ${pod.name} -batch - <<E\n${unanswered('eth0')}\nE`);
      return runSteps(lab, [{at: name, run: [`ip -batch - <<E\nneigh flush dev eth0\n${ports}\nE`, ...inPods].join('\n')}]);
    }),
  );
}

/**
 * Every fault of this lab (of shares.ts), on the real kernel: doctor names the expected rule on the expected node first and finds nothing
 * unrelated; its severity is `error` exactly when packets are lost; for each ordered pair of pods and the outside, in each family, small and
 * large, trace says what real packets do and explains each broken direction by that rule; the remedy heals the lab. Of a fault that packets
 * heal (`passing`) doctor still speaks when they have, and nothing is foretold. Without `cli` the command
 * itself is not started, which takes ten seconds on an emulated machine, nor doctor asked again after `lab fix`.
 */
export function matrix(
  wish: Partial<LabSpec> & {readonly name: string},
  only: (fault: Fault) => boolean,
  {cli = true}: {readonly cli?: boolean} = {},
): void {
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

  const addresses = () => lab.nodes.map(({name, pid}) => ({node: name, via: 'netns' as const, pid: pid!}));
  const gathered = async (): Promise<readonly NodeDump[]> => {
    const dumps: NodeDump[] = [];
    for await (const dump of gather(addresses(), {timeoutMs: PATIENCE_MS, transport: {sshHostKeys: 'strict', notice: () => {}}}))
      dumps.push(dump);
    return dumps;
  };
  /** What doctor finds in this, without starting a process for it. */
  const judge = async (dumps: readonly NodeDump[]) => {
    const evidence = {
      async *nodes() {
        yield* dumps;
      },
    };
    return diagnose(evidence, await givenOf(lab), rules);
  };
  const judged = async () => {
    const {findings, notEvaluated, gaps} = await judge(await gathered());
    return {findings: brief(findings), notEvaluated, gaps};
  };
  const clean = {findings: [], notEvaluated: [], gaps: []};
  /**
   * The pairs that get no answer. WireGuard asks for keys anew fifteen seconds after the other end has lost them (KEEPALIVE_TIMEOUT and
   * REKEY_TIMEOUT), and on a slow machine the handshake itself takes a while: so those that fail are asked again.
   */
  const unanswered = async () => {
    let lost = (await labPing(lab, {})).pairs.filter((p) => !p.small || !p.large);
    for (let left = spec.backend === 'wireguard' ? 5 : 1; left > 0 && lost.length > 0; left--) {
      await sleep(4000);
      lost = (await labPing(lab, {only: lost})).pairs.filter((p) => !p.small || !p.large);
    }
    return lost;
  };
  /**
   * All is well, as packets and as doctor see it. The kernel asks a neighbour three times, a second apart: a row that went unanswered while
   * something was broken may turn FAILED after it was healed, until the next packet. That is true, and says nothing of now: such rows go first,
   * and one that turned in between is asked for by the pings of the next try.
   */
  const expectHealed = async (asDoctorSays = true) => {
    await forgetUnanswered(lab);
    for (let left = 3; ; left--) {
      expect(await unanswered()).toEqual([]);
      if (!asDoctorSays) return;
      const now = await judged();
      if (left === 0 || isDeepStrictEqual(now, clean)) return expect(now).toEqual(clean);
      await sleep(1500);
    }
  };

  test('healthy before anything is broken', async () => {
    if (cli) {
      const report = await doctor(['--lab', spec.name]);
      expect({findings: brief(report.findings), notEvaluated: report.notEvaluated, code: report.code}).toEqual({
        findings: [],
        notEvaluated: [],
        code: 0,
      });
    }
    const dumps = await gathered();
    const {findings, notEvaluated, gaps} = await judge(dumps);
    expect({findings: brief(findings), notEvaluated, gaps}).toEqual(clean);
    expect(await compare(lab, dumps, (await judge(dumps)).findings, undefined)).toEqual({lost: [], disagreements: []});
  });

  const chosen = faults.filter(only);
  describe.each(chosen.map((fault, i) => [fault.id, fault, i % EVERY === 0] as const))('%s', (_, fault, whole) => {
    test(
      'is named, judged by its effect, traced as packets go, and healed by the printed remedy; and lab fix takes it back',
      async () => {
        const {rule, node} = fault.expect(facts);
        try {
          await runSteps(lab, fault.inject(facts));
          const dumps = await gathered();
          const {findings} = await judge(dumps);
          const said = brief(findings);
          const [top] = findings;
          expect(top && {rule: top.rule, node: top.node}, said.join('\n')).toEqual({rule, node});
          expect(brief(findings.slice(1).filter((f) => !fault.also?.includes(f.rule))), 'nothing unrelated').toEqual([]);
          if (fault.passing) {
            expect(await unanswered()).toEqual([]);
            const [still] = (await judge(await gathered())).findings;
            expect([top!.severity, still?.severity, still?.rule]).toEqual(['warning', 'warning', rule]);
          } else {
            const {lost, disagreements} = await compare(lab, dumps, findings, rule);
            expect(disagreements).toEqual([]);
            expect(
              (lost.length > 0 && !fault.beside) || fault.silent ? 'error' : 'warning',
              `${lost.length} pairs lost packets: ${JSON.stringify(lost.slice(0, 4))}`,
            ).toBe(top!.severity);
            if (fault.beside) expect(new Set(lost.map((pair) => pair.to))).toEqual(new Set([lab.cloud!.vm.name]));
          }
          if (whole && cli) {
            const {notEvaluated, code, ...report} = await doctor(['--lab', spec.name]);
            expect(brief(report.findings)).toEqual(said);
            expect(report.findings[0]!.remedy.steps).toEqual(top!.remedy.steps);
            expect(code).toBe(top!.severity === 'error' ? 1 : notEvaluated.length > 0 ? 3 : 0);
          }
          if (fault.byHand) {
            const inCloud = fault.inject(facts).some((step) => 'cloud' in step);
            expect({steps: inCloud ? [] : top!.remedy.steps, fixable: top!.fixable}).toEqual({steps: [], fixable: false});
            await runSteps(lab, fault.fix(facts));
          } else {
            expect(top!.remedy.steps.length).toBeGreaterThan(0);
            await runSteps(
              lab,
              top!.remedy.steps.map(({node: at, run}) => ({at, run})),
            );
          }
          await expectHealed();
          if (fault.byHand) return;
          await runSteps(lab, fault.inject(facts));
          await runSteps(lab, fault.fix(facts));
          await expectHealed(cli);
        } catch (error) {
          // One fault that was not healed must not fail those after it.
          await up();
          throw error;
        }
      },
      PATIENCE_MS * 5,
    );
  });
}
