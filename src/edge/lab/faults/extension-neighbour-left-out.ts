import {gatewayOf, ownTunnel} from './extension-rows.js';
import type {Fault} from './fault.js';

/** SubnetAddCommand failed at its first line, and went on. */
export const extensionNeighbourLeftOut: Fault = {
  id: 'extension-neighbour-left-out',
  title: 'n1 has no neighbour for n2 on the device of the commands',
  fits: ownTunnel,
  expect: () => ({rule: 'neigh-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip neigh del ${gatewayOf(nodes[1]!)} dev ext0`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
