import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** The route to the gateway of a pod is gone; its default route lives on until somebody touches it. */
export const podGatewayRouteDeleted: Fault = {
  id: 'pod-gateway-route-deleted',
  title: 'a pod of n1 loses the route to its gateway',
  fits: (lab) => hasRuled(lab) && lab.backend !== 'terway',
  expect: () => ({rule: 'vpc-pod-gateway-route-missing', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {name},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip -n ${name} route del 169.254.1.1 dev eth0`}];
  },
  fix: (lab) => {
    const {
      pod: {name},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip -n ${name} route replace 169.254.1.1 dev eth0 scope link`}];
  },
};
