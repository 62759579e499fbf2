import type {Fault} from './fault.js';
import {deadHost} from './peer-row.js';

/** The node missed the new address of one peer. */
export const fdbRowWrong: Fault = {
  id: 'fdb-row-wrong',
  title: 'n1 sends tunnel packets for n2 to a dead address',
  fits: ({backend, directRouting}) => backend === 'vxlan' && !directRouting,
  expect: () => ({rule: 'fdb-wrong-dst', node: 'n1'}),
  inject: ({nodes, vni}) => [
    {at: 'n1', run: `bridge fdb replace ${nodes[1]!.vtepMac} dev flannel.${vni} dst ${deadHost(nodes[0]!)} self permanent`},
  ],
  fix: ({nodes, vni}) => [{at: 'n1', run: `bridge fdb replace ${nodes[1]!.vtepMac} dev flannel.${vni} dst ${nodes[1]!.ip} self permanent`}],
};
