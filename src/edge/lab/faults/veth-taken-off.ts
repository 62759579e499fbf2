import type {Fault} from './fault.js';

/** A network manager takes a pod's port off the bridge. */
export const vethTakenOff: Fault = {
  id: 'veth-taken-off',
  title: 'n2-p1 is off the bridge',
  fits: () => true,
  expect: () => ({rule: 'veth-not-enslaved', node: 'n2'}),
  inject: ({nodes}) => [{at: 'n2', run: `ip link set ${nodes[1]!.pods[0]!.veth} nomaster`}],
  fix: ({nodes}) => [
    {
      at: 'n2',
      run: `ip link set ${nodes[1]!.pods[0]!.veth} master cni0 && ip link set ${nodes[1]!.pods[0]!.veth} type bridge_slave hairpin on`,
    },
  ],
};
