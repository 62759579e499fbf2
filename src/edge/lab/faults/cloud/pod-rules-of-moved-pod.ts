import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** The address of a deleted pod was given to one of another node, and the rule is still here. */
export const podRulesOfMovedPod: Fault = {
  id: 'pod-rules-of-moved-pod',
  title: "n1 keeps a rule for a pod that is n2's now",
  fits: hasRuled,
  expect: () => ({rule: 'vpc-rule-leaked', node: 'n1'}),
  inject: (lab) => {
    const {moved} = ruledOn(lab);
    return [{at: 'n1', run: `ip rule add to ${moved} lookup main pref 512`}];
  },
  fix: (lab) => {
    const {moved} = ruledOn(lab);
    return [{at: 'n1', run: `ip rule del to ${moved} pref 512`}];
  },
};
