import type {Fault} from './fault.js';

/** A pod from before the MTU was lowered. */
export const podMtuStale: Fault = {
  id: 'pod-mtu-stale',
  title: 'n2-p1 has a larger MTU than its node’s tunnel',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'mtu-pod-stale', node: 'n2'}),
  inject: ({mtu, nodes}) => [
    {at: 'n2', run: `ip link set ${nodes[1]!.pods[0]!.veth} mtu ${mtu}`},
    {at: 'n2-p1', run: `ip link set eth0 mtu ${mtu}`},
  ],
  fix: ({mtu, nodes}) => [
    {at: 'n2', run: `ip link set ${nodes[1]!.pods[0]!.veth} mtu ${mtu - 50}`},
    {at: 'n2-p1', run: `ip link set eth0 mtu ${mtu - 50}`},
  ],
  byHand: true,
};
