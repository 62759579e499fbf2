import type {Fault} from './fault.js';

/** flanneld failed to set a peer up, and does not try again. */
export const wgPeerDeleted: Fault = {
  id: 'wg-peer-deleted',
  title: 'n1 has no WireGuard peer for n2',
  fits: ({backend}) => backend === 'wireguard',
  expect: () => ({rule: 'wg-peer-missing', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `wg set flannel-wg peer ${nodes[1]!.publicKey} remove`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
