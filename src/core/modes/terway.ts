import {attachmentsOf} from '../node/attachment.js';
import {terwayPriorities} from './fabric/pod-rows.js';
import {detectPolicy, policyMode} from './fabric/policy.js';
import type {Mode} from './mode.js';
import {readSettings} from './settings.js';

const shared: Mode = policyMode(
  {
    type: 'terway',
    title: 'Alibaba Terway, ENI with several addresses',
    pods: {exclusive: 'some'},
    explain: {
      summary:
        'Pods have addresses of their node’s network interfaces; rules lead what they send to the interface that has their address. With interfaces of their own (ENIOnly) pods have a veth beside it, for the node.',
      path: [
        'pod-a eth0 → veth: its gateway is 169.254.1.1, with a permanent neighbour entry that has the address of the veth’s other end',
        'node A rules: 512 to P, if pod-b is on this node; else 2048 from pod-a to its interface’s table',
        'node A table 1000 + the interface’s index: default via the vSwitch’s gateway dev eth1 onlink',
        'the VPC, which nobody in the cluster sees: the interface that has P belongs to node B',
        'node B: rule 512 to P → main: P dev veth → pod-b eth0',
      ],
      overhead: "none on the node: pods have the interface's MTU",
      facts: [
        'The interface has the node’s own address, with a length of 32.',
        'The veths are called cali and eleven digits of sha1("<namespace>.<pod>").',
        'Terway’s daemon puts lost routes and rules back.',
        'No address is translated on the node: the way out of the VPC is a NAT gateway.',
      ],
    },
  },
  'terway',
  terwayPriorities,
  true,
);

/** Alibaba's Terway (model/cloud-modes.md §2, §3). */
export const terway: Mode = {
  ...shared,
  detect(state) {
    const found = detectPolicy(state, 'terway');
    if (found) return found;
    const pods = attachmentsOf(state);
    const own = pods.filter((a) => a.kind === 'exclusive-veth');
    if (own.length === 0 || own.length < pods.filter((a) => a.kind !== 'bridge').length) return undefined;
    return {
      weight: 3,
      settings: readSettings({}),
      evidence: [`${own.length} pods with a network interface of their own and a veth beside it`],
    };
  },
};
