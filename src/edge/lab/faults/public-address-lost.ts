import type {Fault} from './fault.js';

/** The node loses the address it published, and gets no other one. */
export const publicAddressLost: Fault = {
  id: 'public-address-lost',
  title: 'n3 loses its public address',
  // Plain routes go with the address, and the model of a node without any address is empty.
  fits: ({backend, directRouting}) => backend === 'vxlan' && !directRouting,
  expect: () => ({rule: 'lease-public-ip-stale', node: 'n3'}),
  inject: ({nodes}) => [{at: 'n3', run: `ip addr del ${nodes[2]!.ip}/24 dev eth0`}],
  fix: ({nodes}) => [
    {
      at: 'n3',
      run: `ip addr add ${nodes[2]!.ip}/24 brd + dev eth0 && ip route replace default via ${nodes[2]!.ip.replace(/\d+$/, '254')} dev eth0`,
    },
  ],
};
