import type {Fault} from './fault.js';

/** The policy for what is forwarded to pods is gone: what was decrypted and no policy is for is dropped (XfrmInNoPols). */
export const ipsecPolicyFwdDeleted: Fault = {
  id: 'ipsec-policy-fwd-deleted',
  title: 'n1 has no policy for packets from n2 to its pods',
  fits: ({backend}) => backend === 'ipsec',
  expect: () => ({rule: 'ipsec-policy-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip xfrm policy delete src ${nodes[1]!.subnet} dst ${nodes[0]!.subnet} dir fwd`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
