import {tke} from './fabric/pod-rows.js';
import {policyMode} from './fabric/policy.js';
import {tkeHosts} from './fabric/tke-hosts.js';
import type {Mode} from './mode.js';

/** TKE's VPC-CNI with shared network interfaces (model/cloud-modes.md §2). */
export const tkeVpcCniShared: Mode = policyMode(
  {
    type: 'tke-vpc-cni-shared',
    title: 'TKE VPC-CNI, shared network interface',
    inside: tkeHosts,
    explain: {
      summary:
        'Pods have addresses of the VPC, and share a network interface of their node; rules choose by the address whether a packet stays on the node or leaves by that interface.',
      path: [
        'pod-a eth0 → veth: its gateway is 169.254.1.1, with a permanent neighbour entry that has the address of the veth’s other end',
        'node A rules: 512 to P, if pod-b is on this node: main has P dev its veth; else 1536 from pod-a to its table',
        'node A table: default via the subnet’s gateway dev eth1',
        'the VPC, which nobody in the cluster sees: the interface that has P belongs to node B',
        'node B, in by eth1: rule 512 to P → main: P dev veth → pod-b eth0',
      ],
      overhead: "none on the node: pods have the interface's MTU",
      facts: [
        'No rows for pods are in any route table of the VPC: every address of a pod belongs to a network interface.',
        'Without its rule 512 a pod is out of reach for its neighbours on the node alone: rule 1536 sends their packets out, and the VPC sends them back.',
        'A table that loses its default route (the interface went down) gets none again by itself.',
        'The number of the table is 1, 100, 2000 or 4000 + the interface’s index, by the age of the agent: it is read, not reckoned.',
        'The veths are called eni and eleven digits of sha1("<namespace>.<pod>").',
      ],
    },
  },
  'tke',
  tke,
  true,
);
