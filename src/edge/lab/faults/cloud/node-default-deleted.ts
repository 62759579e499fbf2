import type {Fault} from '../fault.js';

/** A network restart loses the way to the gateway of the subnet; all other nodes are behind that gateway. */
export const nodeDefaultDeleted: Fault = {
  id: 'node-default-deleted',
  title: 'n1 loses its default route',
  // Where pods' interfaces have a default route as a spare it is another fault: own-default-deleted.
  fits: ({backend, cloud}) => cloud !== undefined && backend !== 'tke-vpc-cni',
  expect: () => ({rule: 'iface-no-default-route', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip route del default'}],
  fix: ({cloud}) => [{at: 'n1', run: `ip route replace default via ${cloud!.subnets[0]!.gateway} dev eth0`}],
  // Pods that leave by another interface lose nothing; the node itself does.
  silent: true,
};
