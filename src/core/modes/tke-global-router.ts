import {contains, lengthOf} from '../net/prefix.js';
import {isBridge, podBridge} from '../node/pod-bridge.js';
import {bridgeRoutes} from './fabric/bridged.js';
import {mixedRule, podRows, tke} from './fabric/pod-rows.js';
import {productOf} from './fabric/policy.js';
import {tkeHosts} from './fabric/tke-hosts.js';
import {withoutDevice} from './fabric/without-device.js';
import type {ExpectContext, Expected, Mode} from './mode.js';
import {readSettings} from './settings.js';
import {isFlannelTunnel} from './tunnel-weight.js';

/**
 * TKE's Global Router: each node a bridge with a podCIDR of its own, and in the cloud a route table of the cluster with one row a node
 * (model/cloud-modes.md §1). No flannel runs there: no lease, no subnet.env.
 */
export const tkeGlobalRouter: Mode = {
  type: 'tke-global-router',
  title: 'TKE Global Router',
  ...withoutDevice,
  traces: 'own',
  inside: tkeHosts,
  fabric: 'routes',
  foreign: true,
  ownTable: true,
  named: () => 'tke-global-router',

  detect(state) {
    if (state.subnetEnv !== undefined && state.subnetEnv !== 'none') return undefined;
    const {link, route, address} = state.tables;
    const bridge = podBridge(state);
    const conf =
      state.cni !== undefined && state.cni !== 'none' && state.cni.some((f) => f.conf?.plugins.some((p) => p.type === 'tke-bridge'));
    if (bridge !== 'cbr0' && !conf) return undefined;
    const masters = new Set((link ?? []).flatMap((l) => l.master ?? []));
    const device = link?.find((l) => l.ifname === bridge);
    if (link !== undefined && (device === undefined || !isBridge(bridge, device, masters))) return undefined;
    const own = (route ?? []).find((r) => r.dev === bridge && r.table === 'main' && r.gateway === undefined && r.type === 'unicast');
    const addressed = (address ?? []).find((a) => a.dev === bridge && a.scope === 'global');
    if (own === undefined && addressed === undefined) return undefined;
    const length = own ? lengthOf(own.dst) : addressed!.prefixlen;
    // Routes to other nodes' parts are another mode's, or stand before the cloud's rows.
    const others = (route ?? []).filter(
      (r) => r.table === 'main' && r.gateway !== undefined && lengthOf(r.dst) === length && !(own && contains(own.dst, r.dst)),
    );
    const tunnel = link?.some(isFlannelTunnel) === true;
    // Pods with addresses of the VPC beside those on the bridge tell as well whose node it is, and are no other mode's (index.ts).
    const mixed = productOf(state)?.product === 'tke';
    return {
      weight: tunnel ? 1 : others.length > 0 && !mixed ? 2 : 3,
      settings: readSettings({}),
      evidence: [
        `${own?.dst ?? `${addressed!.local}/${addressed!.prefixlen}`} on ${bridge}, and no subnet.env`,
        `${others.length} routes to other nodes' pods`,
        ...(conf ? ['CNI configuration of tke-bridge'] : []),
      ],
    };
  },

  expect(context: ExpectContext): Expected {
    // Pods with addresses of the VPC may be on the same node (EnableVpcCniNetworkType).
    const pods = podRows(context.here, tke);
    return {
      ...{link: [], address: [], neigh: [], fdb: []},
      route: [...bridgeRoutes(context), ...pods.route],
      rule: [...mixedRule(context.here, context.self.subnet), ...(pods.rule ?? [])],
    };
  },

  explain: {
    summary:
      'Each node has a part of the container network on its bridge cbr0, and knows no other; what leaves it goes to the default gateway, and the VPC leads it to the node that has that part.',
    path: [
      "pod-a eth0 → veth → cbr0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: none to SUB(B), so the default route: via the subnet’s gateway dev eth0',
      'the VPC, which nobody in the cluster sees: the row SUB(B) → node B of the cluster’s route table; in 2021 the hosts carried it in GRE',
      'node B route: SUB(B) dev cbr0 → veth → pod-b eth0',
    ],
    overhead: "none on the node: pods have the uplink's MTU; what the hosts add is theirs",
    drawing: {bridge: 'cbr0', route: 'default via the gateway', carries: 'VPC: SUB(B) → B', before: [], room: 0},
    facts: [
      'No route to another node’s pods may be on a node: it would stand before the row of the cloud.',
      'The rows are TKE’s own: tccli tke DescribeClusterRoutes shows them, the VPC’s route tables do not.',
      'Ordinary machines of the VPC reach pods by the same rows.',
      'Addresses are not translated inside the container network and the VPC, unless ip-masq-agent leaves one of them out.',
      'With pods of VPC-CNI on the same node, a rule 1024 to SUB(A) must lead to main before their own rules catch the packets.',
    ],
  },
};
