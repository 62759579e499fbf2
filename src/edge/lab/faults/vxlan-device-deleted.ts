import type {Fault} from './fault.js';
import {tunnel} from './tunnel.js';

/** The device vanishes, as with the device below it; everything on it goes too. */
export const vxlanDeviceDeleted: Fault = {
  id: 'vxlan-device-deleted',
  title: 'flannel.N of n2 is gone',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'vxlan-dev-missing', node: 'n2'}),
  inject: ({vni}) => [{at: 'n2', run: `ip link del flannel.${vni}`}],
  fix: (lab) => {
    const {make, rows} = tunnel(lab, lab.nodes[1]!, 4);
    return [{at: 'n2', run: `${make()} && ${rows()}`}];
  },
};
