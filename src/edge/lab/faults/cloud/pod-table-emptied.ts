import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** Somebody flushed the table of the pods' interface. */
export const podTableEmptied: Fault = {
  id: 'pod-table-emptied',
  title: 'n1 loses the routes of eth1',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-eni-table-empty', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {table},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route flush table ${table}`}];
  },
  fix: (lab) => {
    const {
      pod: {table},
      gateway,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route replace default via ${gateway} dev eth1 onlink table ${table}`}];
  },
};
