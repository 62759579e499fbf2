import {cloudBackend} from './fabric/bridged.js';
import type {Mode} from './mode.js';

/** Custom rows in the system route table of the VRouter; in releases v0.8.0 to v0.19.2 (model/cloud-modes.md §1.2). */
export const aliVpc: Mode = cloudBackend({
  type: 'ali-vpc',
  title: 'flannel ali-vpc',
  until: 19,
  between: 'the VPC, which nobody in the cluster sees: the row SUB(B) Instance of node B in the system route table',
  facts: [
    'Releases from v0.20.0 do not have it any more.',
    'When it starts it deletes every other Custom row that leads to its instance, but for 0.0.0.0/0.',
    'flanneld prints the access key of net-conf.json in its log when it starts.',
  ],
});
