import type {Fault} from '../fault.js';
import {gateway} from '../tunnel.js';
import {bridged} from './places.js';

/** The route of a node's own pods is gone. */
export const cbr0RouteDeleted: Fault = {
  id: 'cbr0-route-deleted',
  title: 'n1 loses its route to its own pods',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.bridge === 'cbr0',
  expect: () => ({rule: 'gr-bridge-route-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route del ${nodes[0]!.subnet} dev cbr0`}],
  fix: ({nodes}) => [
    {at: 'n1', run: `ip route add ${nodes[0]!.subnet} dev cbr0 proto kernel scope link src ${gateway(nodes[0]!.subnet).split('/')[0]}`},
  ],
};
