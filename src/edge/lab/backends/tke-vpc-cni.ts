import {vpcMasquerade} from '../cloud/masquerade.js';
import type {Backend} from './backend.js';
import {bridgeConf, globalRouterBridge, multusConf} from './tke-global-router.js';

const conf = {
  cniVersion: '0.3.1',
  name: 'tke-route-eni',
  type: 'tke-route-eni',
  routeTable: 100,
  hostVethPrefix: 'eni',
  ipam: {type: 'tke-eni-ipamc', backend: '127.0.0.1:61677'},
};

/**
 * Pods with addresses of the VPC on the node's second network interface (model/cloud-modes.md §2), some with an interface of their own (§3),
 * some on cbr0 as in a cluster that came from the Global Router (§7). No masquerade by the node: it has a gateway for that in the VPC.
 */
export const tkeVpcCni: Backend = {
  type: 'tke-vpc-cni',
  netConf: () => ({}),
  cloud: {
    provider: 'tke',
    mode: 'tke-vpc-cni-shared',
    bridge: globalRouterBridge,
    policy: {
      veth: 'eni',
      from: 1536,
      table: '100',
      onPrimary: 0,
      // DHCP gives eth1 its address and a default route, and no route to the subnet, by which the node itself would answer.
      lines: ({segment: {gateway}}, {ip}) => [
        `addr add ${ip}/24 brd + dev eth1 noprefixroute`,
        'link set dev eth1 up',
        `route add default via ${gateway} dev eth1 onlink metric 101`,
        `route add default via ${gateway} dev eth1 onlink table 100`,
      ],
      podRoutes: ({ip}) => ['route add 169.254.1.1 dev eth0 scope link', `route add default via 169.254.1.1 dev eth0 src ${ip}`],
    },
    netfilter: (lab, node) => (node.pods.some((pod) => pod.attachment === 'bridge') ? vpcMasquerade(lab) : ''),
    files: (_lab, node) => ({
      '/etc/cni/net.d/00-multus.conf': multusConf('tke-route-eni'),
      '/etc/cni/net.d/multus/tke-route-eni.conf': `${JSON.stringify(conf, null, 2)}\n`,
      ...(node.pods.some((pod) => pod.attachment === 'bridge') && {'/etc/cni/net.d/multus/tke-bridge.conf': bridgeConf(node)}),
    }),
  },
};
