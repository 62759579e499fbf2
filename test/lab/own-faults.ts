import type {Fault} from '../../src/edge/lab/faults/fault.js';
import type {LabSpec} from '../../src/edge/lab/topology.js';
import {fits} from './shares.js';

/**
 * What is tried in a lab of a backend beside vxlan and host-gw: the faults that those two cannot have, the closed tunnel, which is another
 * packet in each, and the policy of FORWARD, which is asked by the devices that the backend's rows lead to.
 */
export const own =
  (spec: Partial<LabSpec>) =>
  (fault: Fault): boolean =>
    fits(fault, spec) &&
    (['tunnel-port-closed', 'forward-policy-drop'].includes(fault.id) ||
      !['vxlan', 'host-gw'].some((backend) => fits(fault, {backend, dualStack: spec.dualStack ?? false})));
