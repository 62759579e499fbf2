import type {Fault} from './fault.js';

/** Somebody sets an MTU on the bridge, below that of its ports. */
export const bridgeMtuLowered: Fault = {
  id: 'bridge-mtu-lowered',
  title: 'cni0 of n2 has a smaller MTU than its ports',
  fits: () => true,
  expect: () => ({rule: 'mtu-pod-stale', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip link set cni0 mtu 1280'}],
  fix: ({podMtu}) => [{at: 'n2', run: `ip link set cni0 mtu ${podMtu}`}],
};
