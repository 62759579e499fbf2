import type {Fault} from './fault.js';

/** A sysctl reload set bridge-nf-call-iptables back to 0. */
export const bridgeNetfilterOff: Fault = {
  id: 'bridge-netfilter-off',
  title: 'bridged packets on n1 do not pass iptables',
  fits: () => true,
  expect: () => ({rule: 'sysctl-br-netfilter-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'sysctl -q -w net/bridge/bridge-nf-call-iptables=0'}],
  fix: () => [{at: 'n1', run: 'sysctl -q -w net/bridge/bridge-nf-call-iptables=1'}],
};
