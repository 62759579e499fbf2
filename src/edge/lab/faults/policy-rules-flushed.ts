import type {Fault} from './fault.js';

/** A network daemon removed the policy rules it had not written. */
export const policyRulesFlushed: Fault = {
  id: 'policy-rules-flushed',
  title: 'n1 loses the policy rules for main and default',
  fits: () => true,
  expect: () => ({rule: 'rule-main-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip rule flush'}],
  fix: () => [{at: 'n1', run: 'ip rule add from all lookup main pref 32766 && ip rule add from all lookup default pref 32767'}],
};
