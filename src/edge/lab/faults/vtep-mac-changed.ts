import type {Fault} from './fault.js';
import {tunnel, tunnelled} from './tunnel.js';

/** systemd rewrites the hardware address after it was published. */
export const vtepMacChanged: Fault = {
  id: 'vtep-mac-changed',
  title: 'flannel.N of n3 changes its hardware address',
  // What a node published shows only in the rows of those who send to it through the tunnel.
  fits: (lab) => lab.backend === 'vxlan' && tunnelled(lab, lab.nodes[2]!).length > 0,
  expect: () => ({rule: 'lease-vtepmac-mismatch', node: 'n3'}),
  inject: ({vni}) => [{at: 'n3', run: `ip link set flannel.${vni} address 0a:0a:0a:0a:0a:03`}],
  // The remedy makes the peers follow; this takes both back. A new address empties the neighbour table of the device.
  fix: (lab) => [
    {at: 'n3', run: `ip link set flannel.${lab.vni} address ${lab.nodes[2]!.vtepMac}`},
    ...lab.nodes.map((node) => {
      const {dev, rows} = tunnel(lab, node, 4);
      return {at: node.name, run: `bridge fdb del 0a:0a:0a:0a:0a:03 dev ${dev} dst ${lab.nodes[2]!.ip} self 2>/dev/null; ${rows()}`};
    }),
  ],
};
