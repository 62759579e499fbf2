import type {Fault} from '../fault.js';
import {bridged} from './places.js';

/** A node kept its route to a peer from before the cloud carried the packets. */
export const peerRouteLeft: Fault = {
  id: 'peer-route-left',
  title: 'n1 still has a route of its own to the pods of n2',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.subnets.length === 1,
  expect: () => ({rule: 'cloud-route-shadowed-by-node', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route add ${nodes[1]!.subnet} via ${nodes[1]!.ip} dev eth0`}],
  also: ['cloud-node-sees-remote-subnet'],
  fix: ({nodes}) => [{at: 'n1', run: `ip route del ${nodes[1]!.subnet} via ${nodes[1]!.ip} dev eth0`}],
};
