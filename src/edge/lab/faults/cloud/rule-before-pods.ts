import type {Fault} from '../fault.js';
import {hasRuled} from './places.js';

/** A VPN or a script adds a rule that comes before those of the pods. */
export const ruleBeforePods: Fault = {
  id: 'rule-before-pods',
  title: 'n1 looks into the main table before the rules of its pods',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-rule-order', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip rule add pref 100 from all lookup main'}],
  fix: () => [{at: 'n1', run: 'ip rule del pref 100'}],
};
