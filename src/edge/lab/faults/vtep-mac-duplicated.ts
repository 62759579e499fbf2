import type {Fault} from './fault.js';
import {tunnel} from './tunnel.js';

/** A clone: the device of n3 has the hardware address of that of n2. */
export const vtepMacDuplicated: Fault = {
  id: 'vtep-mac-duplicated',
  title: 'flannel.N of n3 has the hardware address of n2',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'lease-vtepmac-duplicate', node: 'n3'}),
  inject: ({vni, nodes}) => [{at: 'n3', run: `ip link set flannel.${vni} address ${nodes[1]!.vtepMac}`}],
  fix: (lab) => {
    const {dev, rows} = tunnel(lab, lab.nodes[2]!, 4);
    // A new address empties the neighbour table of the device.
    return [{at: 'n3', run: `ip link set ${dev} address ${lab.nodes[2]!.vtepMac} && ${rows()}`}];
  },
};
