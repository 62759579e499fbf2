import {wide} from './encapsulation.js';
import type {Fault} from './fault.js';

/** The cluster came from host-gw, and one row of it stayed: more specific than the one route to all pods. */
export const oldRouteWins: Fault = {
  id: 'old-route-wins',
  title: 'n1 keeps a plain route to the pods of n2',
  fits: wide,
  expect: () => ({rule: 'migrate-old-routes-win', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route add ${nodes[1]!.subnet} via ${nodes[1]!.ip} dev eth0`}],
  fix: ({nodes}) => [{at: 'n1', run: `ip route del ${nodes[1]!.subnet}`}],
  silent: true,
};
