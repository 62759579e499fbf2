import type {Fault} from './fault.js';

/** Something rewrote FORWARD and lost the jump to the chain of flannel; nothing else drops, so all works. */
export const forwardJumpLost: Fault = {
  id: 'forward-jump-lost',
  title: 'FORWARD of n1 does not jump to FLANNEL-FWD',
  fits: () => true,
  expect: () => ({rule: 'fw-flannel-chain-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'iptables -F FORWARD'}],
  fix: () => [{at: 'n1', run: `iptables -A FORWARD -m comment --comment 'flanneld forward' -j FLANNEL-FWD`}],
};
