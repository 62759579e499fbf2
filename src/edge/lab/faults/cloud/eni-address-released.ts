import type {Fault} from '../fault.js';
import {hasRuled, onEni, ruledOn} from './places.js';

/** The cloud took a pod's address back; the node does not know. */
export const eniAddressReleased: Fault = {
  id: 'eni-address-released',
  title: 'the cloud has a pod of n1 on no interface',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-ip-not-on-eni', node: 'n1'}),
  inject: (lab) => [{cloud: (now) => onEni(now, ruledOn(lab).pod.ip, undefined)}],
  fix: (lab) => [{cloud: (now) => onEni(now, ruledOn(lab).pod.ip, ruledOn(lab).eni)}],
  byHand: true,
};
