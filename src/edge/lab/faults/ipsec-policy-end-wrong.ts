import type {Fault} from './fault.js';
import {deadHost} from './peer-row.js';

/** The peer had another address once: no association fits its policy. */
export const ipsecPolicyEndWrong: Fault = {
  id: 'ipsec-policy-end-wrong',
  title: 'the policy of n1 for n2 names a dead address',
  fits: ({backend}) => backend === 'ipsec',
  expect: () => ({rule: 'ipsec-policy-wrong', node: 'n1'}),
  inject: ({nodes}) => [
    {
      at: 'n1',
      run: `ip xfrm policy update src ${nodes[0]!.subnet} dst ${nodes[1]!.subnet} dir out tmpl src ${nodes[0]!.ip} dst ${deadHost(nodes[0]!)} proto esp reqid 11 mode tunnel`,
    },
  ],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
