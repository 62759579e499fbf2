import type {Fault} from './fault.js';

/** flanneld was killed: its TUN device, address and route went with it. */
export const udpProxyEnded: Fault = {
  id: 'udp-proxy-ended',
  title: 'flannel0 of n2 goes with its flanneld',
  fits: ({backend}) => backend === 'udp',
  expect: () => ({rule: 'udp-tun-missing', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'kill -9 $(cat /run/lab/udp/ready) && while [ -e /sys/class/net/flannel0 ]; do sleep 0.05; done'}],
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
  byHand: true,
};
