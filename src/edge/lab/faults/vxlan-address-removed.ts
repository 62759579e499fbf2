import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';
import {tunnel} from './tunnel.js';

/** The device loses its only address; the kernel takes its routes and neighbours along. */
export const vxlanAddressRemoved: Fault = {
  id: 'vxlan-address-removed',
  title: 'flannel.N of n2 loses its address',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'vxlan-dev-address-wrong', node: 'n2'}),
  inject: ({vni, nodes}) => [{at: 'n2', run: `ip addr del ${baseOf(nodes[1]!.subnet)}/32 dev flannel.${vni}`}],
  fix: (lab) => {
    const {dev, rows} = tunnel(lab, lab.nodes[1]!, 4);
    return [{at: 'n2', run: `ip addr add ${baseOf(lab.nodes[1]!.subnet)}/32 dev ${dev} && ${rows()}`}];
  },
};
