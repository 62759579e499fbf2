import {leaseOf} from '../flannel/lease.js';
import {contains} from '../net/prefix.js';
import {directRoute} from './direct-route.js';
import type {Expected, Mode} from './mode.js';
import {readSettings} from './settings.js';

/**
 * One plain route for each peer, through its public address; every pair of nodes must share a link
 * (flannel pkg/backend/hostgw, pkg/backend/route_network.go; model/flannel-backends.md §3).
 */
export const hostGw: Mode = {
  type: 'host-gw',
  gateways: 'link',
  title: 'flannel host-gw',
  neighbours: false,
  traces: 'common',
  settings: readSettings,
  overhead: () => 0,
  devices: () => [],
  ownsDevice: () => false,
  podMtu: (_settings, uplinkMtu) => uplinkMtu,
  publishes: () => ({}),
  named: () => 'host-gw',

  detect(state) {
    const env = state.subnetEnv;
    // What carries pod routes besides is only seen with the devices' details.
    if (env === undefined || env === 'none' || state.families.link === undefined) return undefined;
    const networks = [...env.networks, ...env.ipv6Networks];
    const routes = (state.tables.route ?? []).filter(
      (r) =>
        r.table === 'main' &&
        r.gateway !== undefined &&
        !r.flags.includes('onlink') &&
        r.dst !== env.subnet &&
        r.dst !== env.ipv6Subnet &&
        networks.some((n) => n !== r.dst && contains(n, r.dst)),
    );
    const uplinks = new Set(routes.map((r) => r.dev));
    const mtu = state.tables.link?.find((link) => uplinks.has(link.ifname))?.mtu;
    // With vxlan and DirectRouting the same routes occur, but the pods' MTU leaves room for the tunnel.
    if (mtu !== undefined && env.mtu !== undefined && env.mtu < mtu) return undefined;
    // Or it is the tunnel's, and the interface was lowered since.
    const tunnel = state.tables.link?.some((link) => link.kind === 'vxlan' && link.mtu === env.mtu) === true;
    if (mtu !== undefined && env.mtu !== mtu && tunnel) return undefined;
    const whole = (state.tables.link ?? []).some((link) => link.kind === undefined && link.mtu === env.mtu && link.ifname !== 'lo');
    if (routes.length === 0 && !whole) return undefined;
    return {
      weight: routes.length > 0 ? 3 : 1,
      settings: readSettings({}),
      evidence: [`${routes.length} routes to pod subnets through node addresses`, `FLANNEL_MTU ${env.mtu ?? 'unset'}`],
    };
  },

  expect({self, peers, uplink}): Expected {
    const route = ([4, 6] as const).flatMap((family) =>
      leaseOf(self, family) === undefined
        ? []
        : peers.flatMap((other) => {
            const peer = leaseOf(other, family);
            return peer ? [directRoute(peer, uplink.name)] : [];
          }),
    );
    return {link: [], address: [], route, neigh: [], fdb: []};
  },

  explain: {
    summary:
      "Pod packets travel as they are; each node keeps one route for each peer, through the peer's own address on a link they share.",
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: SUB(B) via the public address of B dev eth0',
      'node A neighbour: the hardware address of B on eth0, resolved by ARP (IPv6: neighbour discovery)',
      "wire: the pod's own packet, from A's hardware address to B's; no router may be between",
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    drawing: {route: 'route: SUB(B) via B', carries: 'plain IP', before: [], room: 0},
    overhead: "none: pods have the uplink's MTU",
    facts: [
      'flanneld re-adds a missing route every ten seconds; a wrong one to the same subnet it leaves as it is, silently.',
      'Clouds that check source addresses, or route by IP whatever the next hop, drop such packets.',
      'Routes stay when flanneld exits.',
    ],
  },
};
