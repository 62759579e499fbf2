import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** The rule that leads a pod's packets to the table of its interface is gone: they leave by the node's. */
export const podRuleFromDeleted: Fault = {
  id: 'pod-rule-from-deleted',
  title: 'n1 sends what one of its pods sends by eth0',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-rule-from-pod-missing', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {ip},
      from,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule del from ${ip} pref ${from}`}];
  },
  fix: (lab) => {
    const {
      pod: {ip, table},
      from,
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip rule add from ${ip} lookup ${table} pref ${from}`}];
  },
};
