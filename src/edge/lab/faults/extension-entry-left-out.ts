import {ownTunnel, told} from './extension-rows.js';
import type {Fault} from './fault.js';

/** SubnetAddCommand failed at the line of the FDB: the node has no program `bridge`. */
export const extensionEntryLeftOut: Fault = {
  id: 'extension-entry-left-out',
  title: 'n1 has no FDB row for n2 on the device of the commands',
  fits: ownTunnel,
  expect: () => ({rule: 'fdb-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `${told(nodes[1]!)} && bridge fdb del "$mac" dev ext0`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
