import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** A pod's gateway has the hardware address of a veth that is gone. */
export const podArpWrong: Fault = {
  id: 'pod-arp-wrong',
  title: 'a pod of n1 has a wrong address for its gateway',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-static-arp-mismatch', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {name},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip -n ${name} neigh replace 169.254.1.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent`}];
  },
  fix: (lab) => {
    const {
      pod: {name, veth},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip -n ${name} neigh replace 169.254.1.1 lladdr $(cat /sys/class/net/${veth}/address) dev eth0 nud permanent`}];
  },
};
