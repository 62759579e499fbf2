import {cloudBackend} from './fabric/bridged.js';
import type {Mode} from './mode.js';

/** Rows to the node's network interface in the route tables of RouteTableID, the subnet's or the main one; v0.4.0 to v0.19.2 (model/cloud-modes.md §1.2). */
export const awsVpc: Mode = cloudBackend({
  type: 'aws-vpc',
  title: 'flannel aws-vpc',
  until: 19,
  between:
    'the VPC, which nobody in the cluster sees: the row SUB(B) → the network interface of node B in the table of the sender’s subnet',
  facts: [
    'Releases from v0.20.0 do not have it any more.',
    'The row is deleted and made anew at each start of flanneld; of a node that is gone it stays as a black hole.',
    'The interface’s check of source and destination has to be off: flanneld turns it off, and only warns when it may not.',
  ],
});
