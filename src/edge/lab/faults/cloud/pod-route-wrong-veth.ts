import type {Fault} from '../fault.js';
import {ruledOn, ruledPods} from './places.js';

/** A pod's route leads to another pod's veth. */
export const podRouteWrongVeth: Fault = {
  id: 'pod-route-wrong-veth',
  title: 'n1 sends what is for one of its pods to another',
  fits: (lab) => ruledPods(lab).length > 1,
  expect: () => ({rule: 'vpc-host-route-wrong-veth', node: 'n1'}),
  inject: (lab) => {
    const {
      pod: {ip},
      other: {veth},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route replace ${ip} dev ${veth} scope link`}];
  },
  fix: (lab) => {
    const {
      pod: {ip, veth},
    } = ruledOn(lab);
    return [{at: 'n1', run: `ip route replace ${ip} dev ${veth} scope link`}];
  },
};
