import {type Confirm, confirm} from '../ui/confirm.js';
import type {NodeAgent} from './agent.js';
import {heldBy} from './arm.js';
import type {Remembered} from './rollback.js';

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
