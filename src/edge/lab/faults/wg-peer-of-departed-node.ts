import type {Fault} from './fault.js';

/** The public key of RFC 7748's Alice: nobody's here. */
const departed = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';

/** A node left while flanneld was not running: its peer stayed, with its subnet. One without any address would do nothing. */
export const wgPeerOfDepartedNode: Fault = {
  id: 'wg-peer-of-departed-node',
  title: 'n1 keeps a WireGuard peer that no node is',
  fits: ({backend}) => backend === 'wireguard',
  expect: () => ({rule: 'wg-peer-stale', node: 'n1'}),
  inject: () => [{at: 'n1', run: `wg set flannel-wg peer ${departed} endpoint 192.168.77.99:51820 allowed-ips 10.244.77.0/24`}],
  fix: () => [{at: 'n1', run: `wg set flannel-wg peer ${departed} remove`}],
};
