import type {Fault} from './fault.js';
import {peerRoutes, routeTo} from './peer-row.js';

/** One node loses its route to one peer, as after a flap that flanneld did not see. */
export const routeDeleted: Fault = {
  id: 'route-deleted',
  title: 'n1 loses its route to the pods of n2',
  fits: peerRoutes,
  expect: () => ({rule: 'route-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route del ${nodes[1]!.subnet}`}],
  fix: (lab) => [{at: 'n1', run: routeTo(lab, lab.nodes[0]!, lab.nodes[1]!)}],
};
