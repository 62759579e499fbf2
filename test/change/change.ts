import type {NodeAgent} from '../../src/edge/change/agent.js';
import type {SavedChange} from '../../src/edge/change/local-journal.js';
import {openAgents} from '../../src/edge/change/node-agent.js';
import type {ChangeStage} from '../../src/edge/change/stages.js';
import type {Lab, LabNode} from '../../src/edge/lab/topology.js';
import type {NodeAddress} from '../../src/edge/transports/transport.js';
import {handMade} from './hand-made.js';

const address = (lab: Lab, node: LabNode): NodeAddress =>
  lab.sshConfig === undefined ? {node: node.name, via: 'netns', pid: node.pid!} : {node: node.name, via: 'ssh', host: node.name};

export const addresses = (lab: Lab): readonly NodeAddress[] => lab.nodes.map((n) => address(lab, n));

export function agents(lab: Lab, options: {graceSeconds?: number; timeoutMs?: number} = {}): Promise<Map<string, NodeAgent>> {
  const transport = {
    sshHostKeys: 'strict' as const,
    notice: () => undefined,
    ...(lab.sshConfig !== undefined && {sshConfig: lab.sshConfig}),
  };
  return openAgents(addresses(lab), {transport, timeoutMs: 30_000, ...options});
}

/** The hand-made steps of every node, as the stages of one plan. */
export function handMadeStages(lab: Lab): readonly ChangeStage[] {
  const stages: {phase: ChangeStage['phase']; title: string; work: ChangeStage['work'][number][]}[] = [];
  for (const node of lab.nodes) {
    for (const {stage, phase, title, run, undo} of handMade(lab, node)) {
      stages[stage] ??= {phase, title, work: []};
      stages[stage].work.push({node: node.name, run, undo});
    }
  }
  return stages;
}

let count = 0;
export function handMadeChange(lab: Lab, ttl: number): SavedChange {
  const id = `20261121-11${String(Math.floor(count / 60) % 60).padStart(2, '0')}${String(count % 60).padStart(2, '0')}-test`;
  count += 1;
  const header = {
    id,
    title: 'vxlan to host-gw',
    operator: 'mary@desk',
    since: '2026-11-21T11:00:00.000Z',
    nodes: lab.nodes.map((n) => n.name),
  };
  return {
    header,
    stages: handMadeStages(lab),
    addresses: addresses(lab),
    ttl,
    ...(lab.sshConfig !== undefined && {sshConfig: lab.sshConfig}),
  };
}
