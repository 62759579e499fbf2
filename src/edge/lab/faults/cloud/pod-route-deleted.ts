import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** A pod's own route is gone. */
export const podRouteDeleted: Fault = {
  id: 'pod-route-deleted',
  title: 'n1 loses its route to one of its pods',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-host-route-missing', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {ip},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route del ${ip}`}];
  },
  fix: (lab) => {
    const {
      pod: {ip, veth},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route replace ${ip} dev ${veth} scope link`}];
  },
};
