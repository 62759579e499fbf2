import type {Reach} from '../evidence.js';
import type {NodeAgent} from './agent.js';
import {KubeOperator} from './kube-operator.js';
import {openAgents} from './node-agent.js';
import {operated} from './operated.js';

/** The agents of all nodes, and with them the API server where one was named. */
export async function openOperated(
  {addresses, transport, timeoutMs, client}: Reach,
  notice: (message: string) => void,
): Promise<Map<string, NodeAgent>> {
  const patienceMs = Number(process.env['FLANCTL_POD_PATIENCE'] ?? 180) * 1000;
  return operated(await openAgents(addresses, {transport, timeoutMs}), client && new KubeOperator(client, {notice, patienceMs}));
}
