import type {Fault} from '../fault.js';
import {alone} from './places.js';

/** A pod with an interface of its own loses its default route. */
export const ownNicDefaultDeleted: Fault = {
  id: 'own-nic-default-deleted',
  title: 'a pod of n1 with an interface of its own loses its default route',
  fits: (lab) => alone(lab) !== undefined,
  expect: () => ({rule: 'eni-pod-default-missing', node: 'n1'}),
  inject: (lab) => [{at: alone(lab)!.name, run: 'ip route del default'}],
  fix: (lab) => [{at: alone(lab)!.name, run: `ip route replace default via ${lab.cloud!.subnets[0]!.gateway} dev eth0`}],
  byHand: true,
};
