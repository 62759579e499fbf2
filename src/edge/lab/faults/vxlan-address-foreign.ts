import type {Fault} from './fault.js';

/** dhcpcd or a person gives the device a second address of the pod network. */
export const vxlanAddressForeign: Fault = {
  id: 'vxlan-address-foreign',
  title: 'flannel.N of n2 gets a second address',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'vxlan-dev-address-wrong', node: 'n2'}),
  inject: ({vni}) => [{at: 'n2', run: `ip addr add 10.244.200.9/32 dev flannel.${vni}`}],
  fix: ({vni}) => [{at: 'n2', run: `ip addr del 10.244.200.9/32 dev flannel.${vni}`}],
};
