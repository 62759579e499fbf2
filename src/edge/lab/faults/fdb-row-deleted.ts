import type {Fault} from './fault.js';

/** The FDB row of one peer is gone: route and neighbour look right. */
export const fdbRowDeleted: Fault = {
  id: 'fdb-row-deleted',
  title: 'n1 loses the FDB row of n2',
  fits: ({backend, directRouting}) => backend === 'vxlan' && !directRouting,
  expect: () => ({rule: 'fdb-missing', node: 'n1'}),
  inject: ({nodes, vni}) => [{at: 'n1', run: `bridge fdb del ${nodes[1]!.vtepMac} dev flannel.${vni} dst ${nodes[1]!.ip} self`}],
  fix: ({nodes, vni}) => [{at: 'n1', run: `bridge fdb replace ${nodes[1]!.vtepMac} dev flannel.${vni} dst ${nodes[1]!.ip} self permanent`}],
};
