import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** The neighbour of one peer is gone, as after ip neigh flush. */
export const neighbourDeleted: Fault = {
  id: 'neighbour-deleted',
  title: 'n1 loses the neighbour of n2 on the tunnel',
  fits: ({backend, directRouting}) => backend === 'vxlan' && !directRouting,
  expect: () => ({rule: 'neigh-missing', node: 'n1'}),
  inject: ({nodes, vni}) => [{at: 'n1', run: `ip neigh del ${baseOf(nodes[1]!.subnet)} dev flannel.${vni}`}],
  fix: ({nodes, vni}) => [
    {at: 'n1', run: `ip neigh replace ${baseOf(nodes[1]!.subnet)} lladdr ${nodes[1]!.vtepMac} dev flannel.${vni} nud permanent`},
  ],
};
