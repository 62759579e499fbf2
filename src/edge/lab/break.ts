import {Failure} from '../../failure.js';
import type {LabFaultReport, ShowReport} from '../reporters/documents.js';
import {backendOf} from './backends/index.js';
import {changeFabric} from './cloud/fabric-state.js';
import {runIn} from './exec.js';
import type {Fault, LabFacts, LabStep} from './faults/fault.js';
import {faults} from './faults/index.js';
import {podMtu} from './links.js';
import {anewOn} from './provision.js';
import {loadLab} from './state.js';
import type {Lab} from './topology.js';

/** The lab as its faults see it. */
export const factsOf = (lab: Lab): LabFacts => {
  const {spec, nodes, cloud} = lab;
  const {bridge, policy} = backendOf(spec.backend).cloud ?? {};
  return {
    backend: spec.backend,
    directRouting: spec.directRouting,
    dualStack: spec.dualStack,
    vni: spec.vni,
    port: spec.port,
    mtu: spec.mtu,
    podMtu: podMtu(lab),
    nodes,
    ...(cloud && {cloud: {...cloud, ...(bridge && {bridge: bridge.name}), ...(policy && {from: policy.from})}}),
    anew: (name) => anewOn(lab, nodes.find((node) => node.name === name)!),
  };
};

export function faultNamed(id: string): Fault {
  const fault = faults.find((f) => f.id === id);
  if (fault) return fault;
  const near = faults.filter((f) => f.id.includes(id)).map((f) => f.id);
  throw new Failure(`no such fault: ${id}`, {
    hints: [...(near.length > 0 ? [`did you mean ${near.join(', ')}?`] : []), 'flanctl lab break lists them'],
  });
}

export const faultTable = (): ShowReport => ({
  table: 'fault',
  columns: ['fault', 'what'],
  rows: faults.map((f) => ({fault: f.id, what: f.title})),
  gaps: [],
});

/** @throws Failure when the fault makes no sense in this lab, or one of its commands fails (it names the command and what it said). */
export async function breakLab(name: string, fault: Fault): Promise<LabFaultReport> {
  const lab = await loadLab(name);
  const facts = factsOf(lab);
  if (!fault.fits(facts))
    throw new Failure(`${fault.id} makes no sense in the lab ${name} (${facts.backend}, ${facts.nodes.length} nodes)`);
  await runSteps(lab, fault.inject(facts));
  return {
    lab: name,
    backend: facts.backend,
    fault: fault.id,
    did: fault.title,
    next: [`flanctl doctor --lab ${name}`, `flanctl lab fix ${fault.id} --name ${name}`],
  };
}

export async function fixLab(name: string, fault: Fault): Promise<LabFaultReport> {
  const lab = await loadLab(name);
  const facts = factsOf(lab);
  await runSteps(lab, fault.fix(facts));
  return {lab: name, backend: facts.backend, fault: fault.id, did: `took back: ${fault.title}`, next: [`flanctl doctor --lab ${name}`]};
}

/** Runs each step in its place, in order; the first that fails ends it. */
export async function runSteps(lab: Lab, steps: readonly LabStep[]): Promise<void> {
  for (const step of steps) {
    if ('cloud' in step) {
      await changeFabric(lab, step.cloud);
      continue;
    }
    const {at, run} = step;
    const done = await runIn(lab, at, ['sh', '-c', run]);
    if (done.code !== 0) throw new Failure(`on ${at}: ${run}: exit ${done.code}: ${done.stderr.trim() || done.stdout.trim()}`);
  }
}
