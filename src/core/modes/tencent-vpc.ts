import {cloudBackend} from './fabric/bridged.js';
import type {Mode} from './mode.js';

/** Rows of type NORMAL_CVM in the first route table of the VPC (flannel pkg/backend/tencentvpc; model/cloud-modes.md §1.2). */
export const tencentVpc: Mode = cloudBackend({
  type: 'tencent-vpc',
  title: 'flannel tencent-vpc',
  between: 'the VPC, which nobody in the cluster sees: the row SUB(B) NORMAL_CVM node B of the route table that the sender’s subnet uses',
  facts: [
    'The row is written into the first table that the API lists, whatever subnets use it.',
    'A row that leads to another node stays beside the new one, and then both are used in turn; that of a node that is gone stays too.',
    'flanneld prints the access key of net-conf.json in its log when it starts.',
  ],
});
