import type {Fault} from '../fault.js';

/** The rule is gone that leads marked packets to the node's own interface. */
export const fwmarkRuleDeleted: Fault = {
  id: 'fwmark-rule-deleted',
  title: 'n1 forgets what the mark of its connections means',
  fits: ({backend}) => backend === 'aws-vpc-cni',
  expect: () => ({rule: 'vpc-fwmark-rule-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip rule del pref 1024'}],
  fix: () => [{at: 'n1', run: 'ip rule add fwmark 0x80/0x80 lookup main pref 1024'}],
};
