import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** The second interface went down and up: the kernel drops its routes then, and nobody writes them again. */
export const eniFlapped: Fault = {
  id: 'eni-flapped',
  title: 'eth1 of n1 goes down and comes up',
  fits: (lab) => hasRuled(lab) && lab.backend !== 'aws-vpc-cni',
  expect: () => ({rule: 'vpc-eni-table-empty', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip link set eth1 down && ip link set eth1 up'}],
  fix: (lab) => {
    const {
      pod: {table},
      gateway,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route replace default via ${gateway} dev eth1 onlink table ${table}`}];
  },
};
