import {ownTunnel} from './extension-rows.js';
import type {Fault} from './fault.js';

/** One node has the routes of the commands before these, which were host-gw's. */
export const extensionRouteByUplink: Fault = {
  id: 'extension-route-by-uplink',
  title: 'n1 sends packets for the pods of n2 past the device of the commands',
  fits: ownTunnel,
  expect: () => ({rule: 'route-wrong-nexthop', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route replace ${nodes[1]!.subnet} via ${nodes[1]!.ip} dev eth0`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
