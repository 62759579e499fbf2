import type {NodeState} from '../node/state.js';
import {isInPod, type Operation} from './operation.js';
import {tookOf} from './operations/index.js';
import {simulate} from './simulate.js';

/**
 * What of these operations, run in this order, a node has not: each of them still holds unless a later one undid it. Nothing is asked of rows
 * that none of them is about. For an undo these are the inverses, last first.
 * @param found the node as it is now
 * @returns one line a difference; what could not be read is one as well
 */
export function unmet(operations: readonly Operation[], found: NodeState): readonly string[] {
  if (found.failure) return operations.length === 0 ? [] : [found.failure.message];
  const want = simulate(found, operations);
  const told = new Set<string>();
  for (const op of operations) {
    const wanted = tookOf(op, want);
    // A table that was not read stays unread in what is wanted, and says so there as well.
    const [unread, superseded] = [!wasRead(op, found), wanted !== undefined];
    if (superseded && !unread) continue;
    const what = tookOf(op, found);
    if (what !== undefined) told.add(what);
  }
  return [...told];
}

function wasRead(op: Operation, {families, sysctl, pods}: NodeState): boolean {
  if (op.on === 'sysctl') return sysctl !== undefined;
  if (isInPod(op)) return pods !== undefined;
  return op.on === 'file' || op.on === 'kube' || families[op.on] !== undefined;
}
