import type {Fault} from './fault.js';
import {deadHost} from './peer-row.js';

/** Made by hand with a far end: everything goes there, whatever the routes say. */
export const ipipRemoteFixed: Fault = {
  id: 'ipip-remote-fixed',
  title: 'flannel.ipip of n2 has a fixed far end',
  fits: ({backend}) => backend === 'ipip',
  expect: () => ({rule: 'ipip-dev-local-wrong', node: 'n2'}),
  inject: ({nodes}) => [{at: 'n2', run: `ip link set flannel.ipip type ipip local ${nodes[1]!.ip} remote ${deadHost(nodes[1]!)}`}],
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
};
