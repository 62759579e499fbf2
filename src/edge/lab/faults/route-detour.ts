import type {Fault} from './fault.js';
import {plainRoutes, routeTo} from './peer-row.js';

/** A host-gw route leads to a third node, which forwards: everything works, by a way nobody keeps up. */
export const routeDetour: Fault = {
  id: 'route-detour',
  title: 'n1 sends packets for the pods of n2 over n3',
  fits: (lab) => plainRoutes(lab) && lab.nodes.length > 2,
  expect: () => ({rule: 'route-wrong-nexthop', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route replace ${nodes[1]!.subnet} via ${nodes[2]!.ip} dev eth0`}],
  fix: (lab) => [{at: 'n1', run: routeTo(lab, lab.nodes[0]!, lab.nodes[1]!)}],
};
