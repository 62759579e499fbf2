import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** The node missed the new hardware address of one peer. */
export const neighbourWrong: Fault = {
  id: 'neighbour-wrong',
  title: 'n1 has an old hardware address for n2',
  fits: ({backend, directRouting}) => backend === 'vxlan' && !directRouting,
  expect: () => ({rule: 'neigh-wrong-mac', node: 'n1'}),
  inject: ({nodes, vni}) => [
    {at: 'n1', run: `ip neigh replace ${baseOf(nodes[1]!.subnet)} lladdr 02:00:00:00:00:66 dev flannel.${vni} nud permanent`},
  ],
  fix: ({nodes, vni}) => [
    {at: 'n1', run: `ip neigh replace ${baseOf(nodes[1]!.subnet)} lladdr ${nodes[1]!.vtepMac} dev flannel.${vni} nud permanent`},
  ],
};
