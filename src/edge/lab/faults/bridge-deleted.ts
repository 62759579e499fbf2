import type {Fault} from './fault.js';
import {gateway} from './tunnel.js';

/** Somebody deletes the bridge under running pods. */
export const bridgeDeleted: Fault = {
  id: 'bridge-deleted',
  title: 'cni0 of n2 is gone, its pods are not',
  fits: () => true,
  expect: () => ({rule: 'cni0-missing', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip link del cni0'}],
  fix: ({nodes: [, n2], podMtu}) => [
    {
      at: 'n2',
      run: [
        `ip link add cni0 mtu ${podMtu} type bridge`,
        `ip addr add ${gateway(n2!.subnet)} brd + dev cni0`,
        ...(n2!.subnet6 === undefined ? [] : [`ip addr add ${gateway(n2!.subnet6)} dev cni0 nodad`]),
        'ip link set cni0 up',
        ...n2!.pods.flatMap(({veth}) => [`ip link set ${veth} master cni0`, `ip link set ${veth} type bridge_slave hairpin on`]),
      ].join(' && '),
    },
    // The new bridge has another hardware address.
    ...n2!.pods.map(({name}) => ({at: name, run: 'ip neigh flush dev eth0'})),
  ],
};
