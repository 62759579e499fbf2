import {withoutDevice} from './fabric/without-device.js';
import type {Mode} from './mode.js';

/**
 * flannel gives out subnets and writes subnet.env, and no more: who carries the packets is somebody else's business, as with its cloud
 * backends (flannel pkg/backend/alloc; model/flannel-backends.md §4.5).
 */
export const alloc: Mode = {
  type: 'alloc',
  title: 'flannel alloc',
  ...withoutDevice,
  traces: 'none',
  fabric: 'routes',
  elsewhere: true,
  noTarget: 'it carries no packets: whoever makes its routes is not flannel',
  named: () => 'alloc',
  detect: () => undefined,
  // Routes to the peers' subnets may be there: by a cloud's agent, a routing daemon, by hand.
  expect: () => ({link: [], address: [], route: [], neigh: [], fdb: [], partial: true}),
  explain: {
    summary: 'flannel gives each node a subnet and makes nothing in the kernel: routes between the nodes are somebody else’s.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: whatever the tables say, usually the default route',
      "wire: the pod's own packet; the network between (a cloud's route table) has to know SUB(B)",
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    drawing: {route: 'route: not flannel’s', carries: 'plain IP', before: [], room: 0},
    overhead: "none: pods have the uplink's MTU",
    facts: [
      'The lease names no backend, and flanneld watches no peers: nothing on a node tells that it runs, only its configuration.',
      'Masquerading and subnet.env are as with every other backend.',
      'Clouds drop packets with addresses of pods unless their checks of source and destination are off.',
    ],
  },
};
