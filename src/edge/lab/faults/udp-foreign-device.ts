import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';

/** flanneld is gone, and a TUN device of that name is somebody else's, who reads nothing from it. */
export const udpForeignDevice: Fault = {
  id: 'udp-foreign-device',
  title: 'flannel0 of n2 is a device that nobody reads',
  fits: ({backend}) => backend === 'udp',
  expect: () => ({rule: 'udp-proxy-missing', node: 'n2'}),
  inject: (lab) => [
    {
      at: 'n2',
      run: `kill -9 $(cat /run/lab/udp/ready) && while [ -e /sys/class/net/flannel0 ]; do sleep 0.05; done && ip tuntap add dev flannel0 mode tun && ip link set flannel0 mtu ${lab.mtu - 28} up && ip addr add ${baseOf(lab.nodes[1]!.subnet)}/32 dev flannel0 && ip route add 10.244.0.0/16 dev flannel0 scope global`,
    },
  ],
  fix: (lab) => [{at: 'n2', run: `ip link del flannel0; rm -f /run/lab/udp/ready; ${lab.anew('n2')}`}],
  byHand: true,
};
