import {gatewayOf, ownTunnel, told} from './extension-rows.js';
import type {Fault} from './fault.js';

/** SubnetAddCommand did not run for one peer at all. */
export const extensionCommandLeftOut: Fault = {
  id: 'extension-command-left-out',
  title: 'n1 was never told of n2',
  fits: ownTunnel,
  expect: () => ({rule: 'route-missing', node: 'n1'}),
  inject: ({nodes}) => [
    {
      at: 'n1',
      run: [
        told(nodes[1]!),
        `ip route del ${nodes[1]!.subnet} dev ext0`,
        `ip neigh del ${gatewayOf(nodes[1]!)} dev ext0`,
        'bridge fdb del "$mac" dev ext0',
      ].join(' && '),
    },
  ],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
