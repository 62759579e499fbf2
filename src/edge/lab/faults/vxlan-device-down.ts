import type {Fault} from './fault.js';
import {tunnel} from './tunnel.js';

/** The device is taken down, as a network manager does: routes and neighbours go, the FDB stays. */
export const vxlanDeviceDown: Fault = {
  id: 'vxlan-device-down',
  title: 'flannel.N of n2 goes down',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'vxlan-dev-down', node: 'n2'}),
  inject: ({vni}) => [{at: 'n2', run: `ip link set flannel.${vni} down`}],
  fix: (lab) => [{at: 'n2', run: `ip link set flannel.${lab.vni} up && ${tunnel(lab, lab.nodes[1]!, 4).rows()}`}],
};
