import type {Fault} from './fault.js';

/** The VNI was changed, and the old device stayed. */
export const oldTunnelLeft: Fault = {
  id: 'old-tunnel-left',
  title: 'n1 keeps a tunnel device of another VNI',
  fits: () => true,
  expect: () => ({rule: 'migrate-old-device-left', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip link add flannel.77 type vxlan id 77 dev eth0 dstport 8477 nolearning && ip link set flannel.77 up'}],
  fix: () => [{at: 'n1', run: 'ip link del flannel.77'}],
};
