import type {Fault} from './fault.js';
import {routeTo} from './peer-row.js';

/** One node of a pair already sends plainly, and strict rp_filter drops what still comes through the tunnel. */
export const halfSwitchedStrict: Fault = {
  id: 'half-switched-strict',
  title: 'n1 answers n2 by another way than it hears it, with rp_filter strict',
  fits: ({backend, directRouting}) => backend === 'vxlan' && !directRouting,
  expect: () => ({rule: 'route-wrong-nexthop', node: 'n1'}),
  inject: ({nodes, vni}) => [
    {
      at: 'n1',
      run: `ip route replace ${nodes[1]!.subnet} via ${nodes[1]!.ip} dev eth0 && sysctl -q -w net/ipv4/conf/flannel.${vni}/rp_filter=1`,
    },
  ],
  fix: (lab) => [
    {at: 'n1', run: `${routeTo(lab, lab.nodes[0]!, lab.nodes[1]!)} && sysctl -q -w net/ipv4/conf/flannel.${lab.vni}/rp_filter=2`},
  ],
};
