import {Failure} from '../../failure.js';
import type {Reach} from '../evidence.js';
import type {NodeAgent} from './agent.js';
import {KubeOperator} from './kube-operator.js';
import {openAgents} from './node-agent.js';
import {operated} from './operated.js';

/**
 * The agents of all nodes, and with them the API server where one was named.
 * @throws Failure when FLANCTL_POD_PATIENCE is no number of seconds
 */
export async function openOperated(
  {addresses, transport, timeoutMs, client}: Reach,
  notice: (message: string) => void,
): Promise<Map<string, NodeAgent>> {
  const seconds = Number(process.env['FLANCTL_POD_PATIENCE'] ?? 180);
  if (!(seconds >= 1 && seconds <= 3600)) throw new Failure('FLANCTL_POD_PATIENCE: seconds, from 1 to 3600');
  const patienceMs = seconds * 1000;
  return operated(await openAgents(addresses, {transport, timeoutMs}), client && new KubeOperator(client, {notice, patienceMs}));
}
