import type {Fault} from './fault.js';

/** flanneld ended cleanly, which takes its device away, and did not start again. */
export const wgDeviceDeleted: Fault = {
  id: 'wg-device-deleted',
  title: 'n2 loses flannel-wg',
  fits: ({backend}) => backend === 'wireguard',
  expect: () => ({rule: 'wg-dev-missing', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip link del flannel-wg'}],
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
};
