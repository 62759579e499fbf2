import {hostOf} from '../../../core/net/prefix.js';
import type {BridgePods} from '../cloud/cloud.js';
import {vpcMasquerade} from '../cloud/masquerade.js';
import type {LabNode} from '../topology.js';
import type {Backend} from './backend.js';

/** The pod network of the seed, and each node's sixty-one pods of it. */
export const globalRouterBridge: BridgePods = {
  name: 'cbr0',
  network: '172.20.0.0/16',
  length: 26,
  firstPart: 0,
  promiscuous: true,
  networkRoute: false,
};

/** What tke-bridge-agent writes: the bridge plugin, addresses by host-local, masquerade by ip-masq-agent. */
export const bridgeConf = ({subnet}: LabNode): string =>
  `${JSON.stringify(
    {
      cniVersion: '0.3.1',
      name: 'tke-bridge',
      type: 'bridge',
      bridge: globalRouterBridge.name,
      mtu: 1500,
      addIf: 'eth0',
      isGateway: true,
      forceAddress: true,
      ipMasq: false,
      hairpinMode: false,
      promiscMode: true,
      ipam: {type: 'host-local', ranges: [[{subnet, gateway: hostOf(subnet, 1)}]], routes: [{dst: '0.0.0.0/0'}]},
    },
    null,
    2,
  )}\n`;

/** What the runtime reads on a node of the service: a plugin that asks each pod's annotations for its networks, and has one for the others. */
export const multusConf = (first: string): string =>
  `${JSON.stringify(
    {
      cniVersion: '0.3.1',
      name: 'multus-cni',
      type: 'multus',
      kubeconfig: '/root/.kube/config',
      logLevel: 'info',
      defaultDelegates: first,
      capabilities: {bandwidth: true, portMappings: true},
    },
    null,
    2,
  )}\n`;

/** Pods hang on cbr0, and a cluster route table of the VPC knows each node's part (model/cloud-modes.md §1). */
export const tkeGlobalRouter: Backend = {
  type: 'tke-global-router',
  netConf: () => ({}),
  cloud: {
    provider: 'tke',
    bridge: globalRouterBridge,
    netfilter: vpcMasquerade,
    files: (_lab, node) => ({
      '/etc/cni/net.d/00-multus.conf': multusConf('tke-bridge'),
      '/etc/cni/net.d/multus/tke-bridge.conf': bridgeConf(node),
    }),
  },
};
