import type {Fault} from './fault.js';

/** A rule of somebody else hides pods behind their node, also from other pods. */
export const podsMasqueraded: Fault = {
  id: 'pods-masqueraded',
  title: 'n1 hides its pods from other pods',
  fits: () => true,
  expect: () => ({rule: 'nat-pod-to-pod-masqueraded', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'iptables -t nat -I POSTROUTING 1 -s 10.244.0.0/16 -j MASQUERADE'}],
  fix: () => [{at: 'n1', run: 'iptables -t nat -D POSTROUTING -s 10.244.0.0/16 -j MASQUERADE'}],
  byHand: true,
};
