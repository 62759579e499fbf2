import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** Another program replaced the permanent row; it works until the kernel asks again. */
export const neighbourDynamic: Fault = {
  id: 'neighbour-dynamic',
  title: 'the neighbour of n2 on n1 is not permanent',
  fits: ({backend, directRouting}) => backend === 'vxlan' && !directRouting,
  expect: () => ({rule: 'neigh-not-permanent', node: 'n1'}),
  inject: ({nodes, vni}) => [
    {at: 'n1', run: `ip neigh replace ${baseOf(nodes[1]!.subnet)} lladdr ${nodes[1]!.vtepMac} dev flannel.${vni} nud reachable`},
  ],
  fix: ({nodes, vni}) => [
    {at: 'n1', run: `ip neigh replace ${baseOf(nodes[1]!.subnet)} lladdr ${nodes[1]!.vtepMac} dev flannel.${vni} nud permanent`},
  ],
};
