import {irreversible, showOperation} from './operations/index.js';
import type {Plan} from './plan.js';

/** What of the stages cannot be taken back, and why; never believed from a file. */
export const irreversibleIn = (stages: Plan['stages']): Plan['irreversible'] =>
  stages.flatMap(({work}) =>
    work.flatMap(({node, operations}) =>
      operations.flatMap((op) => {
        const why = irreversible(op);
        return why === undefined ? [] : [{node, what: showOperation(op), why}];
      }),
    ),
  );
