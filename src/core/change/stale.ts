import type {NodeState} from '../node/state.js';
import {effectOf, expectsOf} from './operations/index.js';
import type {Plan} from './plan.js';

export interface Stale {
  readonly node: string;
  /** What is not as the plan saw it. */
  readonly what: string;
}

/** How many differences of one node are told. */
const TOLD = 20;

/**
 * Has a node moved since the plan was made? Every operation's precondition, in order, on the state that those before it will have made.
 * @param states of the nodes as they are now, by name
 * @returns nothing when the plan still fits
 */
export function stale(plan: Plan, states: ReadonlyMap<string, NodeState>): readonly Stale[] {
  const found: Stale[] = [];
  const now = new Map(states);
  const told = new Map<string, number>();
  for (const {work} of plan.stages) {
    for (const {node, operations} of work) {
      let state = now.get(node);
      if (state === undefined) {
        if (!told.has(node)) found.push({node, what: 'it was not read'});
        told.set(node, TOLD);
        continue;
      }
      for (const op of operations) {
        const what = expectsOf(op, state);
        if (what !== undefined) {
          const count = (told.get(node) ?? 0) + 1;
          told.set(node, count);
          if (count <= TOLD) found.push({node, what});
        }
        state = effectOf(op, state);
      }
      now.set(node, state);
    }
  }
  return found;
}
