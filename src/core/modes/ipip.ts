import {type FamilyLease, leaseOf} from '../flannel/lease.js';
import type {Link} from '../kernel/link.js';
import type {Route} from '../kernel/route.js';
import {baseOf} from '../net/prefix.js';
import {directRoute} from './direct-route.js';
import type {Expected, Mode, Settings, Want} from './mode.js';
import {readSettings} from './settings.js';
import {directRoutes, tunnelWeight} from './tunnel-weight.js';

const deviceName = 'flannel.ipip';

/** Only DirectRouting is read of the Backend object. */
const settingsOf = (directRouting: boolean): Settings => ({...readSettings({}), directRouting});

/**
 * One IPIP device without a remote end, and one route for each peer through it: the gateway of the route is the outer destination
 * (flannel pkg/backend/ipip, pkg/backend/route_network.go; model/flannel-backends.md §4.3). IPv4 only.
 */
export const ipip: Mode = {
  type: 'ipip',
  takes: ['directRouting'],
  gateways: 'tunnel',
  wire: () => [{proto: 'ip', number: 4, name: 'ipencap'}],
  noIPv6: true,
  title: 'flannel ipip',
  neighbours: false,
  traces: 'own',
  settings: (backend) => settingsOf(readSettings(backend).directRouting),
  // The outer IPv4 header and nothing else.
  overhead: () => 20,
  devices: () => [{family: 4, name: deviceName}],
  ownsDevice: (name) => name === deviceName,
  podMtu: (_settings, uplinkMtu) => uplinkMtu - 20,
  publishes: () => ({}),
  named: () => 'ipip',

  detect(state) {
    if (state.families.link === undefined) return undefined;
    const device = state.tables.link?.find((link) => link.ifname === deviceName && link.kind === 'ipip');
    if (!device) return undefined;
    const routes = (state.tables.route ?? []).filter((r) => r.table === 'main' && r.gateway !== undefined && r.dev === deviceName);
    const local = state.tables.address?.find((a) => a.local === device.info?.['local'] && a.dev !== deviceName);
    const lower = state.tables.link?.find((link) => link.ifname === local?.dev);
    return {
      weight: tunnelWeight(state, device, routes.length > 0, lower),
      settings: settingsOf(directRoutes(state).length > 0),
      evidence: [`${deviceName} is an ipip device`, `${routes.length} routes use it`],
    };
  },

  expect({settings, self, peers, uplink, adjacent}): Expected {
    const own = leaseOf(self, 4);
    if (!own) return {link: [], address: [], route: [], neigh: [], fdb: []};
    const link: Link = {
      ifname: deviceName,
      kind: 'ipip',
      flags: ['UP'],
      mtu: uplink.mtu - 20,
      info: {local: own.publicIP},
    };
    const route = peers.flatMap((other): Want<Route>[] => {
      const peer = leaseOf(other, 4);
      if (!peer) return [];
      return [peerRoute(peer, settings.directRouting && adjacent(peer.publicIP) === true ? uplink.name : deviceName)];
    });
    return {
      link: [{family: 4, row: link}],
      address: [{family: 4, row: {family: 4, dev: deviceName, local: baseOf(own.subnet), prefixlen: 32, scope: 'global', flags: []}}],
      route,
      neigh: [],
      fdb: [],
    };
  },

  explain: {
    summary:
      "Pod packets travel inside a second IPv4 header; each node keeps one route for each peer, whose gateway is the peer's own address.",
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: SUB(B) via the public address of B dev flannel.ipip onlink',
      'node A flannel.ipip: puts an IPv4 header before the packet, from its `local` to the gateway of the route; no neighbour, no FDB',
      "wire: outer IPv4 A → B, protocol 4, the pod's packet",
      'node B: protocol 4 → flannel.ipip, which takes what is sent to its `local`',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    drawing: {
      device: 'flannel.ipip (ipip)',
      route: 'route: SUB(B) via B',
      finds: 'the route’s gateway: B',
      takes: 'its own address',
      carries: 'IP protocol 4',
      before: [['IPv4', 20]],
      room: 20,
    },
    overhead: "20 bytes: pods get an MTU of the uplink's less 20",
    facts: [
      'IPv4 only: with EnableIPv6 flanneld rejects every peer, or ends at the first.',
      'flanneld re-adds a missing route every ten seconds; a wrong one to the same subnet it leaves as it is, silently.',
      'DirectRouting gives peers on the same link a route by the uplink instead, which is onlink as well.',
      'Many clouds and firewalls let TCP, UDP and ICMP pass only, not protocol 4.',
      'Device, address and routes stay when flanneld exits. tunl0 beside flannel.ipip is the kernel’s own and does nothing.',
    ],
  },
};

function peerRoute(peer: FamilyLease, dev: string): Want<Route> {
  const direct = directRoute(peer, dev);
  return {...direct, row: {...direct.row, flags: ['onlink']}};
}
