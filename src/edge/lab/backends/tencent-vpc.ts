import {podNetwork} from '../address-plan.js';
import type {Backend} from './backend.js';

/** flannel writes the VPC's route table when it starts, and nothing on its node: pods hang on cni0 as ever (model/cloud-modes.md §1). */
export const tencentVpc: Backend = {
  type: 'tencent-vpc',
  netConf: () => ({}),
  cloud: {
    provider: 'tencent',
    bridge: {name: 'cni0', network: podNetwork, length: 24, firstPart: 1, promiscuous: false, networkRoute: true},
  },
};
