import {cloudBackend} from './fabric/bridged.js';
import type {Mode} from './mode.js';

/** Routes of the network, which has no tables, to the instance; v0.5.0 to v0.19.2 (model/cloud-modes.md §1.2). */
export const gce: Mode = cloudBackend({
  type: 'gce',
  title: 'flannel gce',
  until: 19,
  between: 'the network, which nobody in the cluster sees: the route flannel-… of SUB(B) with the instance of node B as its next hop',
  facts: [
    'Releases from v0.20.0 do not have it any more.',
    'Instances have to be made with canIpForward.',
    'The route of a node that is gone stays, with the warning NEXT_HOP_INSTANCE_NOT_FOUND.',
  ],
});
