import type {Fault} from '../fault.js';
import {bridged, groupWithoutPods, groupWithPods} from './places.js';

/** The security group of the nodes lets in the VPC's addresses alone. */
export const nodeGroupLacksPods: Fault = {
  id: 'node-group-lacks-pods',
  title: 'the security group of the nodes does not let in pods',
  fits: (lab) => bridged(lab) !== undefined,
  expect: () => ({rule: 'vm-sg-lacks-pod-range', node: 'n1'}),
  inject: (lab) => [{cloud: (now) => groupWithoutPods(now, lab, 'nodes')}],
  fix: (lab) => [{cloud: (now) => groupWithPods(now, lab, 'nodes')}],
  byHand: true,
  also: ['vm-sg-lacks-pod-range'],
};
