import {cloudBackend} from './fabric/bridged.js';
import type {Mode} from './mode.js';

/** Rows of type NORMAL_CVM in the first route table of the VPC (flannel pkg/backend/tencentvpc; model/cloud-modes.md §1.2). */
export const tencentVpc: Mode = cloudBackend({
  type: 'tencent-vpc',
  title: 'flannel tencent-vpc',
  explain: {
    summary:
      'flannel gives each node a subnet and writes one row for it into the route table of the cloud; nodes have no routes to each other’s pods.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: none to SUB(B), so the default route: via the subnet’s gateway dev eth0',
      'the VPC, which nobody in the cluster sees: the row SUB(B) NORMAL_CVM node B of the route table that the sender’s subnet uses',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    overhead: "none: pods have the uplink's MTU",
    drawing: {route: 'default via the gateway', carries: 'VPC: SUB(B) → B', before: [], room: 0},
    facts: [
      'The row is written into the first table that the API lists, whatever subnets use it.',
      'A row that leads to another node stays beside the new one, and then both are used in turn; that of a node that is gone stays too.',
      'flanneld prints the access key of net-conf.json in its log when it starts.',
      'No route to another node’s pods may be on a node: it would stand before the row of the cloud.',
      'Ordinary machines of the network reach pods by the same rows, without being nodes; nodes need not share a link.',
      'The lease names no backend, and flanneld looks at its row once, when it starts.',
    ],
  },
});
