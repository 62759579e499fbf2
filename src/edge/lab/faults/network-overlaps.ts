import {hostOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** An interface got an address of the pod network, as specific as a subnet of a node. */
export const networkOverlaps: Fault = {
  id: 'network-overlaps',
  title: 'eth0 of n1 is in the pod subnet of n2',
  fits: () => true,
  expect: () => ({rule: 'route-network-overlaps-host', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip addr add ${hostOf(nodes[1]!.subnet, 100)}/25 dev eth0`}],
  fix: ({nodes}) => [{at: 'n1', run: `ip addr del ${hostOf(nodes[1]!.subnet, 100)}/25 dev eth0`}],
  byHand: true,
};
