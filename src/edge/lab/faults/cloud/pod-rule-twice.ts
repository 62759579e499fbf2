import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** An upgraded agent wrote a pod's rule anew, with another table, and left the old one. */
export const podRuleTwice: Fault = {
  id: 'pod-rule-twice',
  title: 'n1 has two tables for what one of its pods sends',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-rule-duplicate', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {ip},
      from,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule add from ${ip} lookup 77 pref ${from}`}];
  },
  fix: (lab) => {
    const {
      pod: {ip},
      from,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule del from ${ip} lookup 77 pref ${from}`}];
  },
};
