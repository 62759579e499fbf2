import type {Fault} from './fault.js';

/** Forwarding is off on the one device that pods send by. */
export const bridgeForwardingOff: Fault = {
  id: 'bridge-forwarding-off',
  title: 'n1 does not forward what its pods send',
  fits: () => true,
  expect: () => ({rule: 'sysctl-ip-forward-off', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'sysctl -q -w net/ipv4/conf/cni0/forwarding=0'}],
  fix: () => [{at: 'n1', run: 'sysctl -q -w net/ipv4/conf/cni0/forwarding=1'}],
};
