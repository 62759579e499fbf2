import type {Fault} from './fault.js';
import {gateway} from './tunnel.js';

/** subnet.env of n2 is copied to n3, as in an image made from a running node. */
export const subnetEnvCopied: Fault = {
  id: 'subnet-env-copied',
  title: 'n3 has the subnet.env of n2',
  fits: () => true,
  expect: () => ({rule: 'lease-podcidr-duplicate', node: 'n3'}),
  inject: ({nodes}) => [
    {at: 'n3', run: `sed -i 's|^FLANNEL_SUBNET=.*|FLANNEL_SUBNET=${gateway(nodes[1]!.subnet)}|' /run/flannel/subnet.env`},
  ],
  fix: ({nodes}) => [{at: 'n3', run: `sed -i 's|^FLANNEL_SUBNET=.*|FLANNEL_SUBNET=${gateway(nodes[2]!.subnet)}|' /run/flannel/subnet.env`}],
};
