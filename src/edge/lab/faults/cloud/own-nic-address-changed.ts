import type {Fault} from '../fault.js';
import {alone} from './places.js';

/** A pod has another address than the cloud gave its interface. */
export const ownNicAddressChanged: Fault = {
  id: 'own-nic-address-changed',
  title: "a pod of n1 has an address that is not its interface's",
  fits: (lab) => alone(lab) !== undefined,
  expect: () => ({rule: 'eni-pod-address-mismatch', node: 'n1'}),
  inject: (lab) => [
    {
      at: alone(lab)!.name,
      run: `ip addr add 10.0.0.251/24 brd + dev eth0 && ip addr del ${alone(lab)!.ip}/24 dev eth0 && ip addr replace 10.0.0.251/24 brd + dev eth0 && ip route replace default via ${lab.cloud!.subnets[0]!.gateway} dev eth0`,
    },
  ],
  fix: (lab) => [
    {
      at: alone(lab)!.name,
      run: `ip addr flush dev eth0 scope global; ip addr add ${alone(lab)!.ip}/24 brd + dev eth0 && ip route replace default via ${lab.cloud!.subnets[0]!.gateway} dev eth0`,
    },
  ],
  byHand: true,
};
