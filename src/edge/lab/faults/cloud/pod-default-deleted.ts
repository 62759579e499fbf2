import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** A pod that has its gateway, and no route by it. */
export const podDefaultDeleted: Fault = {
  id: 'pod-default-deleted',
  title: 'a pod of n1 loses its default route',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-pod-gateway-route-missing', node: 'n1'}),
  inject: (lab) => [{at: 'n1', run: `ip -n ${ruledOn(lab).pod.name} route del default`}],
  // As the plugins write it: only Terway's does without a route to the gateway.
  fix: (lab) => [
    {
      at: 'n1',
      run: `ip -n ${ruledOn(lab).pod.name} route replace default via 169.254.1.1 dev eth0${lab.backend === 'terway' ? ' onlink' : ''}`,
    },
  ],
};
