import type {Fault} from '../fault.js';
import {ruledOn, ruledPods} from './places.js';

/** A pod's rule names a table that nobody fills, as after interfaces were numbered anew. */
export const podRuleWrongTable: Fault = {
  id: 'pod-rule-wrong-table',
  title: 'n1 looks into an empty table for what one of its pods sends',
  fits: (lab) => ruledPods(lab).length > 1,
  expect: () => ({rule: 'vpc-rule-wrong-table', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {ip, table},
      from,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule add from ${ip} lookup 77 pref ${from} && ip rule del from ${ip} lookup ${table} pref ${from}`}];
  },
  fix: (lab) => {
    const {
      pod: {ip, table},
      from,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule del from ${ip} lookup 77 pref ${from}; ip rule add from ${ip} lookup ${table} pref ${from}`}];
  },
};
