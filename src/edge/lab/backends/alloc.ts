import {podNetwork} from '../address-plan.js';
import type {Backend} from './backend.js';

/** flannel gives out subnets and no more; the rows of the cloud are a controller's, one for each node (model/flannel-backends.md §4.5). */
export const alloc: Backend = {
  type: 'alloc',
  netConf: () => ({}),
  cloud: {
    provider: 'tencent',
    bridge: {name: 'cni0', network: podNetwork, length: 24, firstPart: 1, promiscuous: false, networkRoute: true},
  },
};
