import type {Fault} from './fault.js';
import {deadHost} from './peer-row.js';

/** A node left while flanneld was not running: its policies stay. */
export const ipsecPoliciesOfDepartedNode: Fault = {
  id: 'ipsec-policies-of-departed-node',
  title: 'n1 keeps policies for a subnet that no node has',
  fits: ({backend}) => backend === 'ipsec',
  expect: () => ({rule: 'migrate-ipsec-policies-left', node: 'n1'}),
  inject: ({nodes}) => [
    {
      at: 'n1',
      run: `ip xfrm policy add src ${nodes[0]!.subnet} dst 10.244.77.0/24 dir out tmpl src ${nodes[0]!.ip} dst ${deadHost(nodes[0]!)} proto esp reqid 11 mode tunnel`,
    },
  ],
  fix: ({nodes}) => [{at: 'n1', run: `ip xfrm policy delete src ${nodes[0]!.subnet} dst 10.244.77.0/24 dir out`}],
};
