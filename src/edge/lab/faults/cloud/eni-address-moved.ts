import type {Fault} from '../fault.js';
import {hasRuled, onEni, ruledOn} from './places.js';

/** The cloud gave a pod's address to another node's interface. */
export const eniAddressMoved: Fault = {
  id: 'eni-address-moved',
  title: 'the cloud has a pod of n1 on eth1 of n2',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-ip-not-on-eni', node: 'n1'}),
  inject: (lab) => [{cloud: (now) => onEni(now, ruledOn(lab).pod.ip, ruledOn(lab).otherEni)}],
  fix: (lab) => [{cloud: (now) => onEni(now, ruledOn(lab).pod.ip, ruledOn(lab).eni)}],
  byHand: true,
};
