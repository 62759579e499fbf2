import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

const veth = 'eni0123456789a';

/** A pod was deleted while the agent was down, all its rows stay, and a pod of another node has its address now. */
export const podRowsOfMovedPod: Fault = {
  id: 'pod-rows-of-moved-pod',
  title: "n1 keeps the route and the rules of a pod whose address is one of n2's now",
  fits: hasRuled,
  expect: () => ({rule: 'vpc-rule-leaked', node: 'n1'}),
  inject: (lab) => {
    const {
      moved,
      from,
      pod: {table},
    } = ruledOn(lab);
    return [
      {
        at: 'n1',
        // The other end of its veth went with the pod; here it stays, and is down.
        run: [
          `ip link show dev ${veth} >/dev/null 2>&1 || ip link add ${veth} type veth peer name of-gone-pod`,
          `ip link set ${veth} up`,
          `ip route replace ${moved} dev ${veth} scope link`,
          `ip rule add to ${moved} lookup main pref 512`,
          `ip rule add from ${moved} lookup ${table} pref ${from}`,
        ].join(' && '),
      },
    ];
  },
  fix: (lab) => {
    const {moved, from} = ruledOn(lab);
    return [{at: 'n1', run: `ip link del ${veth}; ip rule del to ${moved} pref 512; ip rule del from ${moved} pref ${from}`}];
  },
};
