import {gatewayOf, ownTunnel} from './extension-rows.js';
import type {Fault} from './fault.js';

/** The peer published another hardware address before, and its news were missed. */
export const extensionWrongAddress: Fault = {
  id: 'extension-wrong-address',
  title: 'n1 takes another hardware address for that of n2',
  fits: ownTunnel,
  expect: () => ({rule: 'neigh-wrong-mac', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip neigh replace ${gatewayOf(nodes[1]!)} lladdr 02:00:00:00:00:66 dev ext0 nud permanent`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
