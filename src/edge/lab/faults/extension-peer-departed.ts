import {ownTunnel} from './extension-rows.js';
import type {Fault} from './fault.js';
import {deadHost} from './peer-row.js';

/** A node left while flanneld was down: SubnetRemoveCommand never ran. */
export const extensionPeerDeparted: Fault = {
  id: 'extension-peer-departed',
  title: 'n1 keeps what the commands made for a node that left',
  fits: ownTunnel,
  expect: () => ({rule: 'route-stale', node: 'n1'}),
  inject: ({nodes}) => [
    {
      at: 'n1',
      run: [
        'ip route add 10.244.99.0/24 via 10.244.99.0 dev ext0 onlink',
        'ip neigh add 10.244.99.0 lladdr 02:00:00:00:00:99 dev ext0 nud permanent',
        `bridge fdb add 02:00:00:00:00:99 dev ext0 dst ${deadHost(nodes[0]!)} self permanent`,
      ].join(' && '),
    },
  ],
  fix: () => [
    {
      at: 'n1',
      run: 'ip route del 10.244.99.0/24 && ip neigh del 10.244.99.0 dev ext0 && bridge fdb del 02:00:00:00:00:99 dev ext0',
    },
  ],
};
