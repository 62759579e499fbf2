import {cloudBackend} from './fabric/bridged.js';
import type {Mode} from './mode.js';

/** Rows to the node's network interface in the route tables of RouteTableID, the subnet's or the main one; v0.4.0 to v0.19.2 (model/cloud-modes.md §1.2). */
export const awsVpc: Mode = cloudBackend({
  type: 'aws-vpc',
  title: 'flannel aws-vpc',
  explain: {
    summary:
      'flannel gives each node a subnet and writes one row for it into the route table of the cloud; nodes have no routes to each other’s pods.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: none to SUB(B), so the default route: via the subnet’s gateway dev eth0',
      'the VPC, which nobody in the cluster sees: the row SUB(B) → the network interface of node B in the table of the sender’s subnet',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    overhead: "none: pods have the uplink's MTU",
    drawing: {route: 'default via the gateway', carries: 'VPC: SUB(B) → B', before: [], room: 0},
    facts: [
      'Releases from v0.20.0 do not have it any more.',
      'The row is deleted and made anew at each start of flanneld; of a node that is gone it stays as a black hole.',
      'The interface’s check of source and destination has to be off: flanneld turns it off, and only warns when it may not.',
      'No route to another node’s pods may be on a node: it would stand before the row of the cloud.',
      'Ordinary machines of the network reach pods by the same rows, without being nodes; nodes need not share a link.',
      'The lease names no backend, and flanneld looks at its row once, when it starts.',
    ],
  },
});
