import type {Fault} from './fault.js';

/** A network restart loses the default route. */
export const defaultRouteDeleted: Fault = {
  id: 'default-route-deleted',
  title: 'n2 loses its default route',
  fits: () => true,
  expect: () => ({rule: 'iface-no-default-route', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip route del default'}],
  fix: ({nodes}) => [{at: 'n2', run: `ip route replace default via ${nodes[1]!.ip.replace(/\d+$/, '254')} dev eth0`}],
};
