import {tke} from './fabric/pod-rows.js';
import {policyMode} from './fabric/policy.js';
import type {Mode} from './mode.js';

/** amazon-vpc-cni-k8s: as TKE's, with tables by the device's number and a mark for answers by the first interface (model/cloud-modes.md §2). */
export const awsVpcCni: Mode = policyMode(
  {
    type: 'aws-vpc-cni',
    title: 'AWS VPC CNI',
    pods: {onPrimary: true},
    explain: {
      summary:
        'Pods have secondary addresses of their node’s network interfaces; rules lead what they send to the interface that has their address.',
      path: [
        'pod-a eth0 → veth: its gateway is 169.254.1.1, with a permanent neighbour entry that has the address of the veth’s other end',
        'node A rules: 512 to P, if pod-b is on this node; 1536 from pod-a to its interface’s table; of the first interface’s pods: main',
        'node A table 2, 3, …: default via the subnet’s gateway dev eth1, eth2, …',
        'the VPC, which nobody in the cluster sees: the interface that has P belongs to node B',
        'node B: rule 512 to P → main: P dev veth → pod-b eth0',
      ],
      overhead: "none on the node: pods have the interface's MTU, 9001",
      facts: [
        'A pod of the first interface has no rule from it: main is its table.',
        'What came in by the first interface for a NodePort is marked 0x80, and rule 1024 leads its answers back there.',
        'Packets out of the VPC get the node’s first address, unless AWS_VPC_K8S_CNI_EXTERNALSNAT is set.',
        'aws-node does not put a lost rule back: it stays lost until the pod is made anew.',
      ],
    },
  },
  'aws',
  tke,
  false,
);
