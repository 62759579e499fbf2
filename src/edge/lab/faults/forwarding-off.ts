import type {Fault} from './fault.js';

/** A hardening script turned forwarding off. */
export const forwardingOff: Fault = {
  id: 'forwarding-off',
  title: 'n1 does not forward IPv4',
  fits: () => true,
  expect: () => ({rule: 'sysctl-ip-forward-off', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'sysctl -q -w net/ipv4/ip_forward=0'}],
  fix: () => [{at: 'n1', run: 'sysctl -q -w net/ipv4/ip_forward=1'}],
};
