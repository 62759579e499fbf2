import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** A network manager gives the pods' interface a route to the subnet. */
export const eniSubnetInMain: Fault = {
  id: 'eni-subnet-in-main',
  title: 'n1 reaches its subnet by eth1',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-eni-main-route-duplicate', node: 'n1'}),
  inject: (lab) => {
    const {subnet} = ruledOn(lab);
    return [{at: 'n1', run: `ip route prepend ${subnet} dev eth1 scope link`}];
  },
  fix: (lab) => {
    const {subnet} = ruledOn(lab);
    return [{at: 'n1', run: `ip route del ${subnet} dev eth1`}];
  },
};
