import type {Fault} from './fault.js';

/** Somebody wrote a policy that refuses what should be encrypted. */
export const ipsecPolicyBlocks: Fault = {
  id: 'ipsec-policy-blocks',
  title: 'the policy of n1 for n2 blocks',
  fits: ({backend}) => backend === 'ipsec',
  expect: () => ({rule: 'ipsec-policy-wrong', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip xfrm policy update src ${nodes[0]!.subnet} dst ${nodes[1]!.subnet} dir out action block`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
