import type {Fault} from './fault.js';

/** The interface below carries less than flannel was told. */
export const uplinkMtuLowered: Fault = {
  id: 'uplink-mtu-lowered',
  title: 'eth0 of n2 has a smaller MTU',
  fits: () => true,
  expect: () => ({rule: 'mtu-overlay-too-large', node: 'n2'}),
  inject: ({mtu}) => [{at: 'n2', run: `ip link set eth0 mtu ${mtu - 100}`}],
  // The node keeps what it learnt of smaller path MTUs for ten minutes.
  fix: ({mtu, dualStack}) => [
    {at: 'n2', run: `ip link set eth0 mtu ${mtu} && ip route flush cache${dualStack ? ' && ip -6 route flush cache' : ''}`},
  ],
};
