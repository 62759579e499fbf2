import type {Fault} from './fault.js';
import {firstHalf} from './peer-row.js';

/** A leftover route takes a part of the subnet that is now the node's own. */
export const ownSubnetSentAway: Fault = {
  id: 'own-subnet-sent-away',
  title: 'n1 routes its own pods to n2',
  fits: () => true,
  expect: () => ({rule: 'route-own-subnet-remote', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route add ${firstHalf(nodes[0]!.subnet)} via ${nodes[1]!.ip} dev eth0`}],
  fix: ({nodes}) => [{at: 'n1', run: `ip route del ${firstHalf(nodes[0]!.subnet)}`}],
};
