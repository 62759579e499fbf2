import type {Fault} from './fault.js';
import {gateway} from './tunnel.js';

/** A network manager flushes the bridge. */
export const bridgeAddressFlushed: Fault = {
  id: 'bridge-address-flushed',
  title: 'cni0 of n2 loses its address',
  fits: () => true,
  expect: () => ({rule: 'cni0-no-address', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip -4 addr flush dev cni0'}],
  fix: ({nodes}) => [{at: 'n2', run: `ip addr add ${gateway(nodes[1]!.subnet)} brd + dev cni0`}],
};
