import type {Fault, LabNodeFacts} from './fault.js';
import {routeTo} from './peer-row.js';
import {tunnelled} from './tunnel.js';

/** The interface between the nodes is set down, and its routes go with it. */
export const uplinkDown: Fault = {
  id: 'uplink-down',
  title: 'eth0 of n1 is set down',
  fits: ({backend, dualStack, directRouting}) => (backend === 'vxlan' || backend === 'host-gw') && !dualStack && !directRouting,
  expect: () => ({rule: 'route-linkdown', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip link set eth0 down'}],
  fix: (lab) => {
    const [node] = lab.nodes as [LabNodeFacts];
    const plain = lab.nodes.filter((peer) => peer !== node && !(lab.backend === 'vxlan' && tunnelled(lab, node).includes(peer)));
    return [
      {
        at: 'n1',
        run: [
          'ip link set eth0 up',
          `ip route replace default via ${node.ip.replace(/\d+$/, '254')} dev eth0`,
          ...plain.map((peer) => routeTo(lab, node, peer)),
        ].join(' && '),
      },
    ];
  },
};
