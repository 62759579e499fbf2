import type {Fault} from './fault.js';

/** Somebody deleted the tunnel device; its routes went with it. */
export const ipipDeviceDeleted: Fault = {
  id: 'ipip-device-deleted',
  title: 'n2 loses flannel.ipip',
  fits: ({backend}) => backend === 'ipip',
  expect: () => ({rule: 'ipip-dev-missing', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip link del flannel.ipip'}],
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
};
