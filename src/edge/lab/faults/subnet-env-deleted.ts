import type {Fault} from './fault.js';

/** subnet.env is gone, as after a boot on which flanneld did not come up. */
export const subnetEnvDeleted: Fault = {
  id: 'subnet-env-deleted',
  title: 'n2 has no subnet.env',
  fits: () => true,
  expect: () => ({rule: 'subnet-env-missing', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'mv /run/flannel/subnet.env /run/flannel/subnet.env.lost'}],
  fix: () => [{at: 'n2', run: 'mv /run/flannel/subnet.env.lost /run/flannel/subnet.env'}],
};
