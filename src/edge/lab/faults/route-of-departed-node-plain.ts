import type {Fault} from './fault.js';
import {deadHost, plainRoutes} from './peer-row.js';

/** A host-gw route of a node that left while flanneld was down. */
export const routeOfDepartedNodePlain: Fault = {
  id: 'route-of-departed-node-plain',
  title: 'n1 keeps the route of a node that left',
  fits: plainRoutes,
  expect: () => ({rule: 'route-stale', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route add 10.244.99.0/24 via ${deadHost(nodes[0]!)} dev eth0`}],
  fix: () => [{at: 'n1', run: 'ip route del 10.244.99.0/24'}],
};
