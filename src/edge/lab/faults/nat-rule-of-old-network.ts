import type {Fault} from './fault.js';

/** A rule for the former pod network stayed. */
export const natRuleOfOldNetwork: Fault = {
  id: 'nat-rule-of-old-network',
  title: 'n1 keeps a rule for the pod network of before',
  fits: () => true,
  expect: () => ({rule: 'nat-stale-cidr-rules', node: 'n1'}),
  inject: () => [
    {
      at: 'n1',
      run: `iptables -t nat -A POSTROUTING -s 10.42.0.0/16 ! -d 224.0.0.0/4 -m comment --comment 'flanneld masq' -j MASQUERADE --random-fully`,
    },
  ],
  fix: () => [
    {
      at: 'n1',
      run: `iptables -t nat -D POSTROUTING -s 10.42.0.0/16 ! -d 224.0.0.0/4 -m comment --comment 'flanneld masq' -j MASQUERADE --random-fully`,
    },
  ],
};
