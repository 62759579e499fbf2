import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** Only the IPv6 route of a pair is lost; IPv4 hides it. */
export const ipv6RouteDeleted: Fault = {
  id: 'ipv6-route-deleted',
  title: 'n1 loses its IPv6 route to the pods of n2',
  fits: ({dualStack}) => dualStack,
  expect: () => ({rule: 'route-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip -6 route del ${nodes[1]!.subnet6}`}],
  fix: ({nodes, backend, vni}) => [
    {
      at: 'n1',
      run:
        backend === 'vxlan'
          ? `ip -6 route replace ${nodes[1]!.subnet6} via ${baseOf(nodes[1]!.subnet6!)} dev flannel-v6.${vni} onlink`
          : `ip -6 route replace ${nodes[1]!.subnet6} via ${nodes[1]!.ip6} dev eth0`,
    },
  ],
};
