import type {Fault} from './fault.js';

/** Docker started first and set FORWARD to DROP, and the rules of flannel were flushed. */
export const forwardPolicyDrop: Fault = {
  id: 'forward-policy-drop',
  title: 'FORWARD on n1 drops, and nothing accepts pods',
  fits: () => true,
  expect: () => ({rule: 'fw-forward-drop', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'iptables -P FORWARD DROP && iptables -F FORWARD'}],
  fix: () => [{at: 'n1', run: `iptables -P FORWARD ACCEPT && iptables -A FORWARD -m comment --comment 'flanneld forward' -j FLANNEL-FWD`}],
};
