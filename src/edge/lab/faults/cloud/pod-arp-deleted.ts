import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** The row that tells a pod the hardware address of its gateway is gone; nobody else has that address. */
export const podArpDeleted: Fault = {
  id: 'pod-arp-deleted',
  title: 'a pod of n1 forgets its gateway',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-static-arp-missing', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {name},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip -n ${name} neigh del 169.254.1.1 dev eth0`}];
  },
  fix: (lab) => {
    const {
      pod: {name, veth},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip -n ${name} neigh replace 169.254.1.1 lladdr $(cat /sys/class/net/${veth}/address) dev eth0 nud permanent`}];
  },
};
