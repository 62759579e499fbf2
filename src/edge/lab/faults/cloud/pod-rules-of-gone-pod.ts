import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** A pod was deleted while the agent was down: its rules stay. */
export const podRulesOfGonePod: Fault = {
  id: 'pod-rules-of-gone-pod',
  title: 'n1 has rules for a pod that is gone',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-rule-leaked', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {table},
      from,
      gone,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule add to ${gone} lookup main pref 512 && ip rule add from ${gone} lookup ${table} pref ${from}`}];
  },
  fix: (lab) => {
    const {from, gone} = ruledOn(lab);
    return [{at: 'n1', run: `ip rule del to ${gone} pref 512; ip rule del from ${gone} pref ${from}`}];
  },
};
