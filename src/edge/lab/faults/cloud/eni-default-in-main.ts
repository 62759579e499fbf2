import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** A DHCP client prefers the default route of the pods' interface. */
export const eniDefaultInMain: Fault = {
  id: 'eni-default-in-main',
  title: 'n1 sends its own packets by eth1',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-eni-default-preferred', node: 'n1'}),
  inject: (lab) => {
    const {gateway} = ruledOn(lab);
    return [{at: 'n1', run: `ip route prepend default via ${gateway} dev eth1 onlink`}];
  },
  fix: (lab) => {
    const {gateway} = ruledOn(lab);
    return [{at: 'n1', run: `ip route del default via ${gateway} dev eth1 metric 0`}];
  },
  silent: true,
  byHand: true,
};
