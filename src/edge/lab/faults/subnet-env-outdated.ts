import type {Fault} from './fault.js';
import {gateway} from './tunnel.js';

/** subnet.env is from before the node got its present subnet. */
export const subnetEnvOutdated: Fault = {
  id: 'subnet-env-outdated',
  title: 'subnet.env of n2 names another subnet',
  fits: () => true,
  expect: () => ({rule: 'subnet-env-stale', node: 'n2'}),
  inject: () => [{at: 'n2', run: "sed -i 's|^FLANNEL_SUBNET=.*|FLANNEL_SUBNET=10.244.222.1/24|' /run/flannel/subnet.env"}],
  fix: ({nodes}) => [{at: 'n2', run: `sed -i 's|^FLANNEL_SUBNET=.*|FLANNEL_SUBNET=${gateway(nodes[1]!.subnet)}|' /run/flannel/subnet.env`}],
};
