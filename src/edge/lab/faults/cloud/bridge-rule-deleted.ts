import type {Fault} from '../fault.js';
import {bridged, hasRuled} from './places.js';

/** The rule is gone that keeps packets to bridged pods from the tables of the others. */
export const bridgeRuleDeleted: Fault = {
  id: 'bridge-rule-deleted',
  title: 'n1 lets its pods look for those on cbr0 in the fabric',
  fits: (lab) => hasRuled(lab) && bridged(lab) !== undefined,
  expect: () => ({rule: 'gr-mixed-rule-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip rule del to ${nodes[0]!.subnet} pref 1024`}],
  fix: ({nodes}) => [{at: 'n1', run: `ip rule add to ${nodes[0]!.subnet} lookup main pref 1024`}],
};
