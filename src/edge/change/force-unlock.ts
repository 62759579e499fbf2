import {Failure} from '../../failure.js';
import type {Reach} from '../evidence.js';
import {type Confirm, confirm} from '../ui/confirm.js';
import type {NodeAgent} from './agent.js';
import {heldBy} from './arm.js';
import {openAgents} from './node-agent.js';
import {type Remembered, remember} from './rollback.js';

/**
 * Ends every guard and every open change on these nodes, after asking twice: nothing is undone, and no timer will undo it.
 * @returns what was let go, a line a node. @throws Failure when it was not confirmed, TransportError when a node cannot be reached.
 */
export async function forceUnlock(
  agents: ReadonlyMap<string, NodeAgent>,
  {journals}: Remembered,
  asked: Confirm,
): Promise<readonly string[]> {
  const held = [...journals].flatMap(([node, list]) =>
    list
      .filter((j) => j.outcome === 'open' || j.guard.alive)
      .map(({header, guard}) => ({node, line: heldBy(node, {kind: 'held', header, guard: guard.alive ? 'alive' : 'gone'})})),
  );
  if (held.length === 0) return [];
  const alive = [...journals.values()].flat().some((j) => j.guard.alive);
  await confirm(
    [
      `End it by force? ${held.map((h) => h.line).join('; ')}.`,
      `Are you sure${alive ? ' that nobody is at it any more' : ''}? What it has done so far stays as it is, and no timer undoes it.`,
    ],
    asked,
  );
  const lines: string[] = [];
  for (const node of new Set(held.map((h) => h.node))) {
    for (const id of await agents.get(node)!.unlock()) lines.push(`${node}: ${id} was let go`);
  }
  return lines;
}

/**
 * The same before a change begins, over connections of its own.
 * @throws Failure when the source is no live one, or it was not confirmed.
 */
export async function unlockFirst(
  reach: Reach | undefined,
  {notice, ...asked}: Confirm & {readonly notice: (message: string) => void},
): Promise<void> {
  if (!reach) throw new Failure('a snapshot cannot be changed: name live nodes', {hints: ['--inventory FILE', '--lab NAME']});
  const agents = await openAgents(reach.addresses, {transport: reach.transport, timeoutMs: reach.timeoutMs});
  try {
    for (const line of await forceUnlock(agents, await remember(agents, reach.concurrency), asked)) notice(line);
  } finally {
    await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
  }
}
