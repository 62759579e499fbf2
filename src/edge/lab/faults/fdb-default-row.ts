import type {Fault} from './fault.js';

/** A recipe by hand left an all-zero row. */
export const fdbDefaultRow: Fault = {
  id: 'fdb-default-row',
  title: 'the tunnel of n1 copies unknown frames to n2',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'fdb-default-entry', node: 'n1'}),
  inject: ({nodes, vni}) => [{at: 'n1', run: `bridge fdb append 00:00:00:00:00:00 dev flannel.${vni} dst ${nodes[1]!.ip} self permanent`}],
  fix: ({nodes, vni}) => [{at: 'n1', run: `bridge fdb del 00:00:00:00:00:00 dev flannel.${vni} dst ${nodes[1]!.ip} self`}],
};
