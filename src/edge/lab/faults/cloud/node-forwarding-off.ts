import type {Fault} from '../fault.js';

/** A hardening script turned forwarding off on a node of a cloud. */
export const nodeForwardingOff: Fault = {
  id: 'node-forwarding-off',
  title: 'n1 does not forward what its pods send and get',
  fits: (lab) => lab.cloud !== undefined,
  expect: () => ({rule: 'sysctl-ip-forward-off', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'sysctl -q -w net/ipv4/ip_forward=0'}],
  fix: () => [{at: 'n1', run: 'sysctl -q -w net/ipv4/ip_forward=1'}],
};
