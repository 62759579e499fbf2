import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {showOperation} from '../../src/core/change/operations/index.js';
import type {Plan} from '../../src/core/change/plan.js';
import {rules} from '../../src/core/rules/index.js';
import {apply} from '../../src/edge/change/applying.js';
import {type Preparation, prepareApply} from '../../src/edge/change/preparing.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {type Evidence, openEvidence} from '../../src/edge/evidence.js';
import {factsOf, runSteps} from '../../src/edge/lab/break.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {defaultSpec, type LabSpec, layOut} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import type {ChangeReport} from '../../src/edge/reporters/documents.js';
import {testLabs} from './in-lab.js';
import {sharesOf} from './shares.js';

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
  const operator = {
    quiet: true,
    signal: new AbortController().signal,
    notice: () => undefined,
    parting: () => undefined,
  };
  const asked = {dryRun: false, yes: 1, forceUnlock: false, accepted: [], ttl: 60, probeInterval: 0, ...operator};
  const done = await apply(await evidenceOf(lab), {prune: false, ...wish}, asked);
  if (done.kind !== 'ChangeReport') throw new Error('a plan, not a report');
  return done.report;
}

/** Where the journals of this process's changes lie; gone at the end of the file. */
export const folder = mkdtempSync(join(tmpdir(), 'flanctl-apply-'));
process.env['XDG_STATE_HOME'] = folder;
afterAll(() => rmSync(folder, {recursive: true, force: true}));

export const shown = ({stages}: Plan): readonly string[] =>
  stages.flatMap((s) => s.work.flatMap((w) => w.operations.map((op) => `${s.phase} ${w.node} ${showOperation(op)}`)));
export const findings = async (lab: Lab): Promise<readonly string[]> => {
  const evidence = await evidenceOf(lab);
  return (await diagnose(evidence, evidence.given, rules)).findings
    .filter((f) => f.severity !== 'info')
    .map((f) => `${f.node}: ${f.message}`);
};
/** A row that went unanswered while something was broken may turn FAILED after it was healed, until the next packet. */
export const settle = (lab: Lab) =>
  runSteps(
    lab,
    lab.nodes.map(({name}) => ({at: name, run: 'ip neigh flush dev eth0; ip -6 neigh flush dev eth0'})),
  );
export const lost = async (lab: Lab) => (await labPing(lab, {once: false})).pairs.filter((p) => !p.small || !p.large);

/** What the lab's faults take for granted. A repair may rightly settle on another address: what the peers hold, or the node has. */
const identity = async (lab: Lab) =>
  (await Promise.all(lab.nodes.map(({name}) => runIn(lab, name, 'ip -br link show type vxlan; ip -br addr show eth0 scope global')))).map(
    ({stdout}) => stdout.replaceAll(/\b(?:UNKNOWN|UP)\b/g, ''),
  );

type Spec = Partial<LabSpec> & {readonly name: string};

/** The labs whose faults are repaired. */
export const applyLabs = {
  vxlan: {name: 'ap-vxlan', backend: 'vxlan', dualStack: true},
  hostGw: {name: 'ap-hostgw', backend: 'host-gw', dualStack: true},
} as const satisfies Record<string, Spec>;

const shares = sharesOf(Object.values(applyLabs), 1, 2);

/** Every fault of the lab (of shares.ts): apply repairs it or says why not, and a second run finds nothing more to do. */
export function applyFaults(wish: Spec): void {
  const labs = testLabs();
  const spec: LabSpec = {...defaultSpec, ...wish};
  let lab: Lab;
  const facts = factsOf(layOut(spec, '/nowhere'));
  let own: readonly string[];
  beforeAll(async () => {
    lab = await labs.up(spec);
    own = await identity(lab);
  });
  const chosen = faults.filter((fault) => shares(fault, wish));

  test('there are enough of them', () => expect(chosen.length).toBeGreaterThan(12));

  test.each(chosen.map((fault) => [fault.id, fault] as const))('%s', async (_id, fault) => {
    try {
      await runSteps(lab, fault.inject(facts));
      const plan = await planned(lab, {prune: true});
      // Repaired, or said why not: never neither.
      expect(shown(plan).length + plan.left.length).toBeGreaterThan(0);
      if (plan.stages.length > 0) {
        expect(await applied(lab, {prune: true})).toMatchObject({outcome: 'done', because: [], exit: 0});
        const again = await planned(lab, {prune: true});
        expect(shown(again)).toEqual([]);
        expect(again.left.map((l) => l.what).toSorted()).toEqual(plan.left.map((l) => l.what).toSorted());
      }
      await settle(lab);
      if (plan.left.length === 0) {
        expect(await findings(lab)).toEqual([]);
        expect(await lost(lab)).toEqual([]);
        if ((await identity(lab)).join() !== own.join()) lab = await labUp(spec, {replace: true});
        return;
      }
      for (const {why} of plan.left) expect(why).not.toBe('');
      await runSteps(lab, fault.fix(facts));
      await settle(lab);
      expect(shown(await planned(lab))).toEqual([]);
    } catch (error) {
      // One that was not healed must not fail those after it.
      lab = await labUp(spec, {replace: true});
      throw error;
    }
  });
}
