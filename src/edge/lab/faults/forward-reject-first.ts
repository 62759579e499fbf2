import type {Fault} from './fault.js';

/** The host's firewall rejects before the accepts that flannel appended. */
export const forwardRejectFirst: Fault = {
  id: 'forward-reject-first',
  title: 'a REJECT stands before the accepts of flannel on n1',
  fits: () => true,
  expect: () => ({rule: 'fw-flannel-rule-after-reject', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'iptables -I FORWARD 1 -j REJECT --reject-with icmp-host-prohibited'}],
  fix: () => [{at: 'n1', run: 'iptables -D FORWARD -j REJECT --reject-with icmp-host-prohibited'}],
};
