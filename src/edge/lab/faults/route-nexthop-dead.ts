import type {Fault} from './fault.js';
import {deadHost, peerRoutes, routeTo} from './peer-row.js';

/** The route to one peer names a gateway that nobody has, as after the peer changed its address. */
export const routeNexthopDead: Fault = {
  id: 'route-nexthop-dead',
  title: 'n1 sends packets for the pods of n2 to a dead address',
  fits: peerRoutes,
  expect: () => ({rule: 'route-wrong-nexthop', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route replace ${nodes[1]!.subnet} via ${deadHost(nodes[0]!)} dev eth0`}],
  fix: (lab) => [{at: 'n1', run: routeTo(lab, lab.nodes[0]!, lab.nodes[1]!)}],
};
