import type {Fault} from './fault.js';
import {deadHost, firstHalf, peerRoutes} from './peer-row.js';

/** A more specific row wins over the right one, which stays. */
export const routeShadowedByHalf: Fault = {
  id: 'route-shadowed-by-half',
  title: 'a /25 on n1 takes the pods of n2 away from their route',
  fits: peerRoutes,
  expect: () => ({rule: 'route-shadowed', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route add ${firstHalf(nodes[1]!.subnet)} via ${deadHost(nodes[0]!)} dev eth0`}],
  fix: ({nodes}) => [{at: 'n1', run: `ip route del ${firstHalf(nodes[1]!.subnet)}`}],
};
