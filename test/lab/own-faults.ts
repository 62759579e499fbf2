import type {Fault} from '../../src/edge/lab/faults/fault.js';
import type {LabSpec} from '../../src/edge/lab/topology.js';
import {fits} from './shares.js';

/**
 * What is tried in a lab of a backend beside vxlan and host-gw: the faults that those two cannot have, and the closed tunnel, which is another
 * packet in each.
 */
export const own =
  (spec: Partial<LabSpec>) =>
  (fault: Fault): boolean =>
    fits(fault, spec) &&
    (fault.id === 'tunnel-port-closed' ||
      !['vxlan', 'host-gw'].some((backend) => fits(fault, {backend, dualStack: spec.dualStack ?? false})));
