import {hostOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** A pod keeps the address that another network gave it. */
export const podAddressForeign: Fault = {
  id: 'pod-address-foreign',
  title: 'n2-p1 has an address outside its node’s subnet',
  fits: () => true,
  expect: () => ({rule: 'pod-ip-outside-podcidr', node: 'n2'}),
  inject: ({nodes: [, n2]}) => [
    {
      at: 'n2-p1',
      run: `ip addr add 10.244.99.2/24 dev eth0 && ip addr del ${n2!.pods[0]!.ip}/24 dev eth0 && ip route replace default via ${hostOf(n2!.subnet, 1)} dev eth0 onlink`,
    },
  ],
  fix: ({nodes: [, n2]}) => [
    {
      at: 'n2-p1',
      run: `ip addr add ${n2!.pods[0]!.ip}/24 brd + dev eth0 && ip addr del 10.244.99.2/24 dev eth0 && ip route replace default via ${hostOf(n2!.subnet, 1)} dev eth0 && ip route replace 10.244.0.0/16 via ${hostOf(n2!.subnet, 1)} dev eth0`,
    },
  ],
  byHand: true,
};
