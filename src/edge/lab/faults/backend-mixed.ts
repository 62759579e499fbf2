import type {Fault} from './fault.js';
import {tunnel} from './tunnel.js';

/** n3 was converted to host-gw by hand, the others were not. */
export const backendMixed: Fault = {
  id: 'backend-mixed',
  title: 'n3 runs host-gw among vxlan nodes',
  fits: ({backend, directRouting, dualStack}) => backend === 'vxlan' && !directRouting && !dualStack,
  expect: () => ({rule: 'lease-backend-mixed', node: 'n3'}),
  inject: ({vni, nodes, mtu}) => [
    {
      at: 'n3',
      run: [
        `ip link del flannel.${vni}`,
        ...nodes.filter((node) => node.name !== 'n3').map((node) => `ip route replace ${node.subnet} via ${node.ip} dev eth0`),
        `sed -i 's/^FLANNEL_MTU=.*/FLANNEL_MTU=${mtu}/' /run/flannel/subnet.env`,
      ].join(' && '),
    },
  ],
  fix: (lab) => {
    const {make, rows} = tunnel(lab, lab.nodes[2]!, 4);
    return [{at: 'n3', run: `${make()} && ${rows()} && sed -i 's/^FLANNEL_MTU=.*/FLANNEL_MTU=${lab.mtu - 50}/' /run/flannel/subnet.env`}];
  },
};
