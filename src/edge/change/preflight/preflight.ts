import type {Operation} from '../../../core/change/operation.js';
import {modeOf} from '../../../core/modes/index.js';
import type {NodeState} from '../../../core/node/state.js';
import type {Finding} from '../../../core/rules/fold.js';
import type {Migrating} from '../migrating.js';
import {isTunnel, podAddresses, resolution} from './direct.js';
import {canLook} from './encrypted.js';
import {type Findings, joined} from './findings.js';
import {protocolOpen} from './protocol.js';
import {portFree, portOpen} from './tunnel.js';

/** A change begins from a whole cluster: what is broken now would be blamed on it, or hide what it breaks. */
export const unsound = (findings: readonly Finding[]): readonly string[] =>
  findings.filter((f) => f.severity === 'error').map((f) => `${f.node}: ${f.message} (${f.rule}: flanctl doctor)`);

/**
 * Can the target work here? Asked of the network itself before anything is written: who answers on the link, whether it carries pod addresses,
 * whether the tunnel's port is free and open. `states`: every node as the plan saw it.
 */
export async function preflight(migrating: Migrating, states: ReadonlyMap<string, NodeState>): Promise<Findings> {
  const tunnel = await Promise.all(tunnelChecks(migrating, states));
  const links = await resolution(migrating);
  // Over a router every such packet is lost, and saying it twice helps nobody.
  const direct = links.refused.length > 0 ? [links] : [links, await podAddresses(migrating, states)];
  return joined([...tunnel, ...direct]);
}

/** What the target's tunnel asks of the network, where the plan leads anything into it. */
function tunnelChecks(migrating: Migrating, states: ReadonlyMap<string, NodeState>): readonly (Findings | Promise<Findings>)[] {
  const {plan} = migrating;
  const some = (is: (op: Operation) => boolean): boolean => plan.stages.some(({work}) => work.some(({operations}) => operations.some(is)));
  if (modeOf(plan.to.type)?.devicesBy === 'start')
    return plan.stages.some((s) => s.by === 'flanneld')
      ? [portFree(migrating, states), portOpen(migrating, states), canLook(migrating)]
      : [];
  const tunnelled = some((op) => op.on === 'route' && op.do !== 'del' && isTunnel(op.row.dev));
  if (!tunnelled) return [];
  return modeOf(plan.to.type)?.wire?.(plan.to.settings, 4)[0]?.proto === 'ip'
    ? [protocolOpen(migrating)]
    : [portFree(migrating, states), portOpen(migrating, states)];
}
