import type {Fault} from '../fault.js';
import {alone} from './places.js';

/** The network interface of a pod is set down. */
export const ownNicDown: Fault = {
  id: 'own-nic-down',
  title: 'eth0 of a pod of n1 that is its own interface goes down',
  fits: (lab) => alone(lab) !== undefined,
  expect: () => ({rule: 'eni-pod-nic-missing', node: 'n1'}),
  inject: (lab) => [{at: alone(lab)!.name, run: 'ip link set eth0 down'}],
  fix: (lab) => [
    {at: alone(lab)!.name, run: `ip link set eth0 up && ip route replace default via ${lab.cloud!.subnets[0]!.gateway} dev eth0`},
  ],
  byHand: true,
};
