import type {Fault} from './fault.js';
import {deadHost} from './peer-row.js';

/** The rows of a node that left while flanneld was down: route, neighbour and FDB. */
export const routeOfDepartedNode: Fault = {
  id: 'route-of-departed-node',
  title: 'n1 keeps the rows of a node that left',
  fits: ({backend}) => backend === 'vxlan',
  expect: () => ({rule: 'route-stale', node: 'n1'}),
  inject: ({vni, nodes}) => [
    {
      at: 'n1',
      run: `ip route add 10.244.99.0/24 via 10.244.99.0 dev flannel.${vni} onlink && ip neigh add 10.244.99.0 lladdr 02:00:00:00:00:99 dev flannel.${vni} nud permanent && bridge fdb add 02:00:00:00:00:99 dev flannel.${vni} dst ${deadHost(nodes[0]!)} self permanent`,
    },
  ],
  fix: ({vni, nodes}) => [
    {
      at: 'n1',
      run: `ip route del 10.244.99.0/24 && ip neigh del 10.244.99.0 dev flannel.${vni} && bridge fdb del 02:00:00:00:00:99 dev flannel.${vni} dst ${deadHost(nodes[0]!)} self`,
    },
  ],
};
