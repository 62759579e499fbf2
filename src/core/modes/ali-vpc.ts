import {cloudBackend} from './fabric/bridged.js';
import type {Mode} from './mode.js';

/** Custom rows in the system route table of the VRouter; in releases v0.8.0 to v0.19.2 (model/cloud-modes.md §1.2). */
export const aliVpc: Mode = cloudBackend({
  type: 'ali-vpc',
  title: 'flannel ali-vpc',
  explain: {
    summary:
      'flannel gives each node a subnet and writes one row for it into the route table of the cloud; nodes have no routes to each other’s pods.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: none to SUB(B), so the default route: via the subnet’s gateway dev eth0',
      'the VPC, which nobody in the cluster sees: the row SUB(B) Instance of node B in the system route table',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    overhead: "none: pods have the uplink's MTU",
    drawing: {route: 'default via the gateway', carries: 'VPC: SUB(B) → B', before: [], room: 0},
    facts: [
      'Releases from v0.20.0 do not have it any more.',
      'When it starts it deletes every other Custom row that leads to its instance, but for 0.0.0.0/0.',
      'flanneld prints the access key of net-conf.json in its log when it starts.',
      'No route to another node’s pods may be on a node: it would stand before the row of the cloud.',
      'Ordinary machines of the network reach pods by the same rows, without being nodes; nodes need not share a link.',
      'The lease names no backend, and flanneld looks at its row once, when it starts.',
    ],
  },
});
