import type {Fault} from './fault.js';
import {peerRoutes, routeTo} from './peer-row.js';

/** Only the IPv6 route of a pair is lost; IPv4 hides it. */
export const ipv6RouteDeleted: Fault = {
  id: 'ipv6-route-deleted',
  title: 'n1 loses its IPv6 route to the pods of n2',
  fits: (lab) => lab.dualStack && peerRoutes(lab),
  expect: () => ({rule: 'route-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip -6 route del ${nodes[1]!.subnet6}`}],
  fix: (lab) => [{at: 'n1', run: routeTo(lab, lab.nodes[0]!, lab.nodes[1]!, 6)}],
};
