import type {Fault} from './fault.js';

/** flanneld failed to write a policy: what it should select goes by the routes. */
export const ipsecPolicyOutDeleted: Fault = {
  id: 'ipsec-policy-out-deleted',
  title: 'n1 has no policy for packets to n2',
  fits: ({backend}) => backend === 'ipsec',
  expect: () => ({rule: 'ipsec-policy-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip xfrm policy delete src ${nodes[0]!.subnet} dst ${nodes[1]!.subnet} dir out`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
