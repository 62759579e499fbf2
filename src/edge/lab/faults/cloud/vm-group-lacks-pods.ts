import type {Fault} from '../fault.js';
import {bridged, groupWithoutPods, groupWithPods} from './places.js';

/** The security group of a machine that is no node lets in the VPC's addresses alone; pods' packets come with their own where nodes do not masquerade. */
export const vmGroupLacksPods: Fault = {
  id: 'vm-group-lacks-pods',
  title: 'the security group of the VM does not let in pods',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.provider === 'tke',
  expect: () => ({rule: 'vm-sg-lacks-pod-range', node: 'n1'}),
  inject: (lab) => [{cloud: (now) => groupWithoutPods(now, lab, 'vm')}],
  fix: (lab) => [{cloud: (now) => groupWithPods(now, lab, 'vm')}],
  byHand: true,
  beside: true,
};
