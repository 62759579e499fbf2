import type {Fault} from './fault.js';

/** Something flushed POSTROUTING: pods reach pods and nothing outside. */
export const masqueradeLost: Fault = {
  id: 'masquerade-lost',
  title: 'n1 does not masquerade its pods',
  fits: () => true,
  expect: () => ({rule: 'nat-masquerade-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'iptables -t nat -F POSTROUTING'}],
  fix: () => [{at: 'n1', run: `iptables -t nat -A POSTROUTING -m comment --comment 'flanneld masq' -j FLANNEL-POSTRTG`}],
};
