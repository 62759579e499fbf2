import type {Fault, LabNodeFacts} from './fault.js';
import {routeTo} from './peer-row.js';

/** The address of a host-gw node is a host address: every peer is behind the router for it. */
export const nodeBehindRouter: Fault = {
  id: 'node-behind-router',
  title: 'n1 has its address without a network',
  fits: ({backend}) => backend === 'host-gw',
  expect: () => ({rule: 'route-hostgw-gateway-offlink', node: 'n1'}),
  inject: ({nodes}) => {
    const [{ip}] = nodes as [LabNodeFacts];
    const router = ip.replace(/\d+$/, '254');
    return [
      {
        at: 'n1',
        run: `ip addr del ${ip}/24 dev eth0 && ip addr add ${ip}/32 dev eth0 && ip route add ${router} dev eth0 && ip route add default via ${router} dev eth0`,
      },
    ];
  },
  fix: (lab) => {
    const [node, ...peers] = lab.nodes as [LabNodeFacts, ...LabNodeFacts[]];
    const router = node.ip.replace(/\d+$/, '254');
    return [
      {
        at: 'n1',
        run: [
          `ip addr del ${node.ip}/32 dev eth0`,
          `ip addr add ${node.ip}/24 brd + dev eth0`,
          `ip route replace default via ${router} dev eth0`,
          ...peers.map((peer) => routeTo(lab, node, peer)),
        ].join(' && '),
      },
    ];
  },
  byHand: true,
};
