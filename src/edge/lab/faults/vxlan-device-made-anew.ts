import type {Fault} from './fault.js';
import {tunnel, tunnelled} from './tunnel.js';

/** flanneld since v0.28.5 makes a lost device again, with its address and without its peers. */
export const vxlanDeviceMadeAnew: Fault = {
  id: 'vxlan-device-made-anew',
  title: 'flannel.N of n2 is made anew and has no rows',
  fits: (lab) => lab.backend === 'vxlan' && tunnelled(lab, lab.nodes[1]!).length > 0,
  expect: () => ({rule: 'vxlan-dev-empty', node: 'n2'}),
  inject: (lab) => {
    const {dev, make} = tunnel(lab, lab.nodes[1]!, 4);
    return [{at: 'n2', run: `ip link del ${dev} && ${make()}`}];
  },
  fix: (lab) => [{at: 'n2', run: tunnel(lab, lab.nodes[1]!, 4).rows()}],
};
