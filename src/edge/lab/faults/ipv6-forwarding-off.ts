import type {Fault} from './fault.js';

/** IPv6 forwarding is off, as it is by default. */
export const ipv6ForwardingOff: Fault = {
  id: 'ipv6-forwarding-off',
  title: 'n1 does not forward IPv6',
  fits: ({dualStack}) => dualStack,
  expect: () => ({rule: 'sysctl-ipv6-forwarding', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'sysctl -q -w net/ipv6/conf/all/forwarding=0'}],
  fix: () => [{at: 'n1', run: 'sysctl -q -w net/ipv6/conf/all/forwarding=1'}],
};
