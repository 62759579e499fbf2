import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** One node loses its route to one peer, as after a flap that flanneld did not see. */
export const routeDeleted: Fault = {
  id: 'route-deleted',
  title: 'n1 loses its route to the pods of n2',
  fits: () => true,
  expect: () => ({rule: 'route-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip route del ${nodes[1]!.subnet}`}],
  fix: ({nodes, backend, directRouting}) => [
    {
      at: 'n1',
      run:
        backend === 'vxlan' && !directRouting
          ? `ip route replace ${nodes[1]!.subnet} via ${baseOf(nodes[1]!.subnet)} dev flannel.1 onlink`
          : `ip route replace ${nodes[1]!.subnet} via ${nodes[1]!.ip} dev eth0`,
    },
  ],
};
