import type {Fault} from './fault.js';
import {tunnel} from './tunnel.js';

/** One node was made with another UDP port, as after a change of net-conf.json that reached it alone. */
export const vxlanPortChanged: Fault = {
  id: 'vxlan-port-changed',
  title: 'flannel.N of n2 uses another port',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'lease-vxlan-params-mismatch', node: 'n2'}),
  inject: (lab) => {
    const {dev, make, rows} = tunnel(lab, lab.nodes[1]!, 4);
    return [{at: 'n2', run: `ip link del ${dev} && ${make(lab.port + 1)} && ${rows()}`}];
  },
  fix: (lab) => {
    const {dev, make, rows} = tunnel(lab, lab.nodes[1]!, 4);
    return [{at: 'n2', run: `ip link del ${dev} && ${make()} && ${rows()}`}];
  },
};
