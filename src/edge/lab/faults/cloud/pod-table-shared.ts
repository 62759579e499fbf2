import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** A transparent proxy uses the table that is the interface's. */
export const podTableShared: Fault = {
  id: 'pod-table-shared',
  title: 'a proxy on n1 uses the table of eth1',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-eni-table-conflict', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {table},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route prepend local default dev lo table ${table}`}];
  },
  fix: (lab) => {
    const {
      pod: {table},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route del local default dev lo table ${table}`}];
  },
  byHand: true,
};
