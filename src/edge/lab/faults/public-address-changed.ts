import type {Fault} from './fault.js';
import {tunnel} from './tunnel.js';

const other = (ip: string): string => ip.replace(/\d+$/, '63');

/** From whichever of the two it has; the default route goes with the address. */
const move = (from: string, to: string): string =>
  `ip addr add ${to}/24 brd + dev eth0 2>/dev/null; ip addr del ${from}/24 dev eth0 2>/dev/null; ip addr replace ${to}/24 brd + dev eth0 && ip route replace default via ${to.replace(/\d+$/, '254')} dev eth0`;

/** DHCP gives the node another address; its peers still send to the old one. */
export const publicAddressChanged: Fault = {
  id: 'public-address-changed',
  title: 'n3 gets another public address',
  fits: ({backend, directRouting}) => backend === 'host-gw' || (backend === 'vxlan' && !directRouting),
  expect: () => ({rule: 'lease-public-ip-stale', node: 'n3'}),
  inject: ({nodes}) => [{at: 'n3', run: move(nodes[2]!.ip, other(nodes[2]!.ip))}],
  fix: (lab) => {
    const [n3, rest] = [lab.nodes[2]!, lab.nodes.filter((node) => node.name !== 'n3')];
    if (lab.backend !== 'vxlan') {
      return [
        {
          at: 'n3',
          run: `${move(other(n3.ip), n3.ip)} && ${rest.map((node) => `ip route replace ${node.subnet} via ${node.ip} dev eth0`).join(' && ')}`,
        },
        ...rest.map((node) => ({at: node.name, run: `ip route replace ${n3.subnet} via ${n3.ip} dev eth0`})),
      ];
    }
    return [
      {at: 'n3', run: `${move(other(n3.ip), n3.ip)} && ip link set flannel.${lab.vni} type vxlan local ${n3.ip}`},
      ...rest.map((node) => ({at: node.name, run: tunnel(lab, node, 4).rows()})),
    ];
  },
};
