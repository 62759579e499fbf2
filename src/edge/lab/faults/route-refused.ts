import type {Fault} from './fault.js';
import {peerRoutes, routeTo} from './peer-row.js';

/** A blackhole stands in the place of the route, as --ip-blackhole-route leaves one. */
export const routeRefused: Fault = {
  id: 'route-refused',
  title: 'n1 throws packets for the pods of n2 away',
  fits: peerRoutes,
  expect: () => ({rule: 'route-blackhole-stale', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route replace blackhole ${nodes[1]!.subnet}`}],
  fix: (lab) => [{at: 'n1', run: `ip route del blackhole ${lab.nodes[1]!.subnet} && ${routeTo(lab, lab.nodes[0]!, lab.nodes[1]!)}`}],
};
