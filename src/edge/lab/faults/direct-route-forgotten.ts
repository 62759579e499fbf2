import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';
import {routeTo} from './peer-row.js';

/** flanneld looked when the underlay was different, and keeps the tunnel for a peer on the same link. */
export const directRouteForgotten: Fault = {
  id: 'direct-route-forgotten',
  title: 'n1 uses the tunnel to n2 although both are on one link',
  fits: ({backend, directRouting}) => backend === 'vxlan' && directRouting,
  expect: () => ({rule: 'route-directrouting-mixed', node: 'n1'}),
  inject: ({nodes, vni}) => [
    {
      at: 'n1',
      run: [
        `ip neigh replace ${baseOf(nodes[1]!.subnet)} lladdr ${nodes[1]!.vtepMac} dev flannel.${vni} nud permanent`,
        `bridge fdb replace ${nodes[1]!.vtepMac} dev flannel.${vni} dst ${nodes[1]!.ip} self permanent`,
        `ip route replace ${nodes[1]!.subnet} via ${baseOf(nodes[1]!.subnet)} dev flannel.${vni} onlink`,
      ].join(' && '),
    },
  ],
  fix: (lab) => [{at: 'n1', run: routeTo(lab, lab.nodes[0]!, lab.nodes[1]!)}],
};
