import {hostOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** A pod has a wrong hardware address pinned for its gateway. */
export const podGatewayPinned: Fault = {
  id: 'pod-gateway-pinned',
  title: 'n2-p1 sends to a gateway that is not there',
  fits: () => true,
  expect: () => ({rule: 'pod-gateway-neighbour-bad', node: 'n2'}),
  inject: ({nodes}) => [
    {at: 'n2-p1', run: `ip neigh replace ${hostOf(nodes[1]!.subnet, 1)} lladdr 0a:0a:0a:0a:0a:01 dev eth0 nud permanent`},
  ],
  fix: ({nodes}) => [{at: 'n2-p1', run: `ip neigh del ${hostOf(nodes[1]!.subnet, 1)} dev eth0`}],
  byHand: true,
};
