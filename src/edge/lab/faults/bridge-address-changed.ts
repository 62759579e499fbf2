import type {Fault} from './fault.js';
import {gateway} from './tunnel.js';

/** The bridge kept the address of a subnet that the node had before. */
export const bridgeAddressChanged: Fault = {
  id: 'bridge-address-changed',
  title: 'cni0 of n2 has the address of another subnet',
  fits: () => true,
  expect: () => ({rule: 'cni0-addr-mismatch', node: 'n2'}),
  inject: ({nodes}) => [{at: 'n2', run: `ip addr add 10.244.222.1/24 brd + dev cni0 && ip addr del ${gateway(nodes[1]!.subnet)} dev cni0`}],
  fix: ({nodes}) => [{at: 'n2', run: `ip addr add ${gateway(nodes[1]!.subnet)} brd + dev cni0 && ip addr del 10.244.222.1/24 dev cni0`}],
};
