import type {NodeState} from '../node/state.js';
import type {Operation} from './operation.js';
import {effectOf, inverseOf} from './operations/index.js';

/** The node's state after the operations, as the kernel would leave it. */
export const simulate = (state: NodeState, operations: readonly Operation[]): NodeState =>
  operations.reduce((now, op) => effectOf(op, now), state);

/** The operations that take these back, in the order they must run. */
export const inverses = (operations: readonly Operation[]): readonly Operation[] => operations.toReversed().flatMap(inverseOf);
