import type {Fault} from './fault.js';

/** The key lay in a tmpfs: after a reboot the node has another, and its peers did not hear of it. */
export const wgKeyChanged: Fault = {
  id: 'wg-key-changed',
  title: 'n2 has a new WireGuard key',
  fits: ({backend}) => backend === 'wireguard',
  expect: () => ({rule: 'wg-key-mismatch', node: 'n2'}),
  inject: () => [
    {
      at: 'n2',
      run: 'wg genkey > /run/lab/other-key; for dev in flannel-wg flannel-wg-v6; do [ ! -e /sys/class/net/$dev ] || wg set $dev private-key /run/lab/other-key; done',
    },
  ],
  // A peer may have been told of the new key since.
  fix: (lab) => lab.nodes.map(({name}) => ({at: name, run: lab.anew(name)})),
};
