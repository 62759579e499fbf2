import type {Fault} from './fault.js';

/** A static entry outlived the network card of the peer: neither plain routes nor the tunnel get through. */
export const neighbourPinned: Fault = {
  id: 'neighbour-pinned',
  title: 'n1 has a wrong static hardware address for n2 on eth0',
  fits: () => true,
  expect: () => ({rule: 'hostgw-neigh-failed', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip neigh replace ${nodes[1]!.ip} lladdr 02:00:00:00:00:67 dev eth0 nud permanent`}],
  fix: ({nodes}) => [{at: 'n1', run: `ip neigh del ${nodes[1]!.ip} dev eth0`}],
};
