import type {Fault} from './fault.js';
import {gateway} from './tunnel.js';

/** The bridge is taken down; its connected route goes, and its IPv6 address. */
export const bridgeDown: Fault = {
  id: 'bridge-down',
  title: 'cni0 of n2 goes down',
  fits: () => true,
  expect: () => ({rule: 'cni0-no-address', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip link set cni0 down'}],
  fix: ({nodes: [, n2]}) => [
    {at: 'n2', run: `ip link set cni0 up${n2!.subnet6 === undefined ? '' : ` && ip addr replace ${gateway(n2!.subnet6)} dev cni0 nodad`}`},
  ],
};
