import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** The lease of the pods' interface ran out; its table was written again, its address not. */
export const eniAddressLost: Fault = {
  id: 'eni-address-lost',
  title: 'eth1 of n1 has no address',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-eni-no-address', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {table},
      gateway,
      second,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip addr del ${second} dev eth1; ip route replace default via ${gateway} dev eth1 onlink table ${table}`}];
  },
  fix: (lab) => {
    const {
      pod: {table},
      gateway,
      second,
    } = ruledOn(lab);
    return [
      {
        at: 'n1',
        run: `ip addr add ${second} dev eth1 noprefixroute; ip route replace default via ${gateway} dev eth1 onlink table ${table}`,
      },
    ];
  },
  byHand: true,
};
