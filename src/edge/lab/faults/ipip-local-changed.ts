import type {Fault} from './fault.js';
import {deadHost} from './peer-row.js';

/** The device is bound to an address that the node had once. */
export const ipipLocalChanged: Fault = {
  id: 'ipip-local-changed',
  title: 'flannel.ipip of n2 is bound to another address',
  fits: ({backend}) => backend === 'ipip',
  expect: () => ({rule: 'ipip-dev-local-wrong', node: 'n2'}),
  inject: ({nodes}) => [{at: 'n2', run: `ip link set flannel.ipip type ipip local ${deadHost(nodes[1]!)}`}],
  fix: ({nodes}) => [{at: 'n2', run: `ip link set flannel.ipip type ipip local ${nodes[1]!.ip}`}],
};
