import {departures, operationsOn} from '../../core/change/as-planned.js';
import {isInPod} from '../../core/change/operation.js';
import type {Plan} from '../../core/change/plan.js';
import type {ProbeEnd} from '../../core/change/probe-ends.js';
import {readNode} from '../../core/model/read-node.js';
import type {Prefix} from '../../core/net/address.js';
import type {NodeState} from '../../core/node/state.js';
import {type GatherOptions, gather} from '../gather/gather.js';
import type {NodeAddress} from '../transports/transport.js';
import {type Mesh, type MeshOptions, mesh, type Runner, worse} from './mesh.js';

export interface GateResult {
  readonly ok: boolean;
  /** Why not, a line each, the node or the pair first. */
  readonly because: readonly string[];
}

export interface GateOptions {
  readonly plan: Plan;
  /** Each node as the plan saw it. */
  readonly before: ReadonlyMap<string, NodeState>;
  /** Stages that are in `before` already: those that ran before a change was resumed. */
  readonly done?: number;
  readonly networks: readonly Prefix[];
  readonly addresses: readonly NodeAddress[];
  readonly gather: Omit<GatherOptions, 'signal' | 'pods' | 'only' | 'onNode'>;
  readonly runners: ReadonlyMap<string, Runner>;
  readonly ends: readonly ProbeEnd[];
  /** What answered before the first stage: exactly that must answer now. */
  readonly baseline: Mesh;
  readonly size?: MeshOptions['size'];
  readonly signal: AbortSignal;
}

/** Opens after a stage when the tables of the nodes that it touched are what the plan makes of them, and every pair that worked still does. */
export type Gate = (stage: number, nodes: readonly string[]) => Promise<GateResult>;

export function gateOf(options: GateOptions): Gate {
  const {plan, before, done = 0, networks, runners, ends, baseline, size, signal} = options;
  const pods = plan.stages.some(({work}) => work.some(({operations}) => operations.some(isInPod)));
  return async (stage, nodes) => {
    const because: string[] = [];
    const addresses = options.addresses.filter(({node}) => nodes.includes(node));
    const [probed] = await Promise.all([
      mesh(runners, ends, {signal, touching: nodes, ...(size && {size})}),
      (async () => {
        for await (const dump of gather(addresses, {...options.gather, signal, pods: pods ? 'all' : 'none'})) {
          const [was, found] = [before.get(dump.node), readNode(dump)];
          if (found.failure) because.push(`${dump.node}: ${found.failure.message}`);
          else if (was === undefined) because.push(`${dump.node}: it was not read before the change`);
          else {
            const differ = departures(was, operationsOn(plan, dump.node, done, stage), found, networks, plan);
            because.push(...differ.map((line) => `${dump.node}: ${line}`));
          }
        }
      })(),
    ]);
    because.push(...worse(baseline, probed));
    return {ok: because.length === 0, because};
  };
}
