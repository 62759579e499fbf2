import {wide} from './encapsulation.js';
import type {Fault} from './fault.js';

/** The one route to all pods of other nodes is gone. */
export const wideRouteDeleted: Fault = {
  id: 'wide-route-deleted',
  title: 'n1 loses its route to the pod network',
  fits: wide,
  expect: () => ({rule: 'route-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip route del 10.244.0.0/16'}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
