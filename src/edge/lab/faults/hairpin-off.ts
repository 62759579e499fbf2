import type {Fault} from './fault.js';

/** Hairpin is set off on the ports of n2: its pods no longer reach themselves through their Service. */
export const hairpinOff: Fault = {
  id: 'hairpin-off',
  title: 'the ports of cni0 on n2 lose hairpin',
  fits: () => true,
  expect: () => ({rule: 'hairpin-off', node: 'n2'}),
  inject: ({nodes}) => nodes[1]!.pods.map(({veth}) => ({at: 'n2', run: `bridge link set dev ${veth} hairpin off`})),
  fix: ({nodes}) => nodes[1]!.pods.map(({veth}) => ({at: 'n2', run: `bridge link set dev ${veth} hairpin on`})),
};
