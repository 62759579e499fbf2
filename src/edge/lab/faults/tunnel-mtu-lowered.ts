import type {Fault} from './fault.js';

/** One node's tunnel takes less than its pods send. */
export const tunnelMtuLowered: Fault = {
  id: 'tunnel-mtu-lowered',
  title: 'flannel.N of n2 has a smaller MTU',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'mtu-node-mismatch', node: 'n2'}),
  inject: ({vni}) => [{at: 'n2', run: `ip link set flannel.${vni} mtu 1280`}],
  fix: ({vni, mtu}) => [{at: 'n2', run: `ip link set flannel.${vni} mtu ${mtu - 50}`}],
};
