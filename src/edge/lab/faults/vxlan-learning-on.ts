import type {Fault} from './fault.js';

/** Somebody sets learning on the device, which flannel never does by itself. */
export const vxlanLearningOn: Fault = {
  id: 'vxlan-learning-on',
  title: 'flannel.N of n2 learns from packets',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'vxlan-dev-params-drift', node: 'n2'}),
  inject: ({vni}) => [{at: 'n2', run: `ip link set flannel.${vni} type vxlan learning`}],
  fix: ({vni}) => [{at: 'n2', run: `ip link set flannel.${vni} type vxlan nolearning`}],
};
