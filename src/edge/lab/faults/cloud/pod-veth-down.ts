import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** The node's end of a pod's veth is set down, and the kernel drops the pod's route. */
export const podVethDown: Fault = {
  id: 'pod-veth-down',
  title: 'n1 sets the end of one of its pods down',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-host-route-missing', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {veth},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip link set ${veth} down`}];
  },
  fix: (lab) => {
    const {
      pod: {ip, veth},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip link set ${veth} up && ip route replace ${ip} dev ${veth} scope link`}];
  },
};
