import type {Fault} from '../fault.js';
import {ruledOn, ruledPods} from './places.js';

/** The rule that leads packets to a pod to the main table is gone. */
export const podRuleToDeleted: Fault = {
  id: 'pod-rule-to-deleted',
  title: 'n1 forgets that packets to one of its pods stay there',
  fits: (lab) => ruledPods(lab).length > 1,
  expect: () => ({rule: 'vpc-rule-to-pod-missing', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {ip},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule del to ${ip} pref 512`}];
  },
  fix: (lab) => {
    const {
      pod: {ip},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule add to ${ip} lookup main pref 512`}];
  },
};
