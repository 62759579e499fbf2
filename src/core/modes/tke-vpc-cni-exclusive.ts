import {attachmentsOf, isToPodRule} from '../node/attachment.js';
import {tkeHosts} from './fabric/tke-hosts.js';
import {withoutDevice} from './fabric/without-device.js';
import type {Expected, Mode} from './mode.js';
import {readSettings} from './settings.js';

/** TKE's VPC-CNI with a network interface for each pod (model/cloud-modes.md §3). */
export const tkeVpcCniExclusive: Mode = {
  type: 'tke-vpc-cni-exclusive',
  title: 'TKE VPC-CNI, a network interface for each pod',
  ...withoutDevice,
  traces: 'own',
  inside: tkeHosts,
  fabric: 'addresses',
  foreign: true,
  pods: {exclusive: 'all'},
  named: () => 'tke-vpc-cni-exclusive',

  detect(state) {
    const pods = attachmentsOf(state);
    const own = pods.filter((a) => a.kind === 'exclusive');
    if (own.length === 0 || own.length < pods.length || state.tables.rule?.some(isToPodRule) === true) return undefined;
    return {
      weight: 3,
      settings: readSettings({}),
      evidence: [`${own.length} pods, each with a network interface of its own`, 'no rules to pods'],
    };
  },

  // The node has nothing of its pods.
  expect: (): Expected => ({link: [], address: [], route: [], neigh: [], fdb: []}),

  explain: {
    summary: 'Each pod has a network interface of the VPC in its own namespace; its node’s tables have no part in its packets.',
    path: [
      'pod-a eth0 is the interface: default via the subnet’s gateway',
      'the VPC, which nobody in the cluster sees: the interface that has P is the one in pod-b, wherever that runs',
      'pod-b eth0: the packet is there; no node has seen it',
    ],
    overhead: "none: pods have the interface's MTU",
    drawing: {
      bridge: 'none',
      route: 'its own default route',
      uplink: 'eth0, the pod’s own',
      arrives: 'nothing between',
      carries: 'VPC: P is pod-b',
      before: [],
      room: 0,
    },
    facts: [
      'Two pods of one node reach each other through the VPC as well.',
      'The node finds its own pods by ARP in its subnet, which the VPC answers.',
      'Only the pod’s namespace shows its tables: without it nothing is known of its side.',
      'A node has room for as many pods as its instance type has network interfaces besides the first.',
    ],
  },
};
