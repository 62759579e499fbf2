import type {Fault} from '../fault.js';

/** The default route over the node's own interface is gone: that over the pods' interface, meant as a spare, takes its place. */
export const ownDefaultDeleted: Fault = {
  id: 'own-default-deleted',
  title: 'n1 has no default route but that of eth1',
  fits: ({backend}) => backend === 'tke-vpc-cni',
  expect: () => ({rule: 'vpc-eni-default-preferred', node: 'n1'}),
  // The spare may be gone: whatever took eth1 down took it along, and nothing but DHCP writes it again.
  inject: ({cloud}) => [
    {at: 'n1', run: `ip route replace default via ${cloud!.subnets[0]!.gateway} dev eth1 metric 101 onlink; ip route del default dev eth0`},
  ],
  fix: ({cloud}) => [{at: 'n1', run: `ip route replace default via ${cloud!.subnets[0]!.gateway} dev eth0`}],
  silent: true,
  byHand: true,
};
