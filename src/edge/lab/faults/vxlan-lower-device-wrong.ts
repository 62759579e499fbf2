import type {Fault} from './fault.js';

/** The tunnel is bound to another interface than its address is on. */
export const vxlanLowerDeviceWrong: Fault = {
  id: 'vxlan-lower-device-wrong',
  title: 'flannel.N of n2 sends through cni0',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'vxlan-dev-params-drift', node: 'n2'}),
  inject: ({vni}) => [{at: 'n2', run: `ip link set flannel.${vni} type vxlan dev cni0`}],
  // The kernel cut the MTU to fit cni0.
  fix: ({vni, mtu}) => [{at: 'n2', run: `ip link set flannel.${vni} type vxlan dev eth0 && ip link set flannel.${vni} mtu ${mtu - 50}`}],
};
