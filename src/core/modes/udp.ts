import {leaseOf} from '../flannel/lease.js';
import type {Address} from '../kernel/address.js';
import type {Route} from '../kernel/route.js';
import {familyOf, type Prefix} from '../net/address.js';
import {baseOf, lengthOf} from '../net/prefix.js';
import type {Expected, Mode, Settings} from './mode.js';
import {readSettings} from './settings.js';
import {tunnelWeight} from './tunnel-weight.js';

const deviceName = 'flannel0';
const isOurs = (name: string): boolean => /^flannel\d+$/.test(name);
const defaultPort = 8285;

/** Only Port is read of the Backend object. */
const settingsOf = (port: number): Settings => ({...readSettings({}), port});

/**
 * flannel's oldest backend: one route for the whole pod network into a TUN device, behind which flanneld itself sends each packet in UDP
 * to the peer it knows for it. What it knows is in its memory alone (flannel pkg/backend/udp; model/flannel-backends.md §4.1). IPv4 only.
 */
export const udp: Mode = {
  type: 'udp',
  devicesBy: 'process',
  wire: ({port}) => [{proto: 'udp', own: port, peer: port}],
  noIPv6: true,
  noTarget:
    'flannel sends every packet through a process in it, and a cluster that leaves it later loses all packets of a node while that restarts: it is no target',
  endsWith: 'flannel0 and its route',
  title: 'flannel udp',
  neighbours: false,
  traces: 'own',
  settings: (backend) => settingsOf(readSettings(backend, defaultPort).port),
  // Outer IPv4 20 + UDP 8.
  overhead: () => 28,
  devices: () => [{family: 4, name: deviceName}],
  ownsDevice: isOurs,
  podMtu: (_settings, uplinkMtu) => uplinkMtu - 28,
  publishes: () => ({}),
  named: ({port}) => `udp (UDP ${port})`,

  detect(state) {
    if (state.families.link === undefined) return undefined;
    const device = state.tables.link?.find((link) => isOurs(link.ifname) && link.kind === 'tun');
    if (!device) return undefined;
    const routes = (state.tables.route ?? []).filter((r) => r.table === 'main' && r.gateway === undefined && r.dev === device.ifname);
    // flanneld's own socket; of a node's other UDP sockets it is told by its process.
    const socket = state.sockets?.find((s) => s.process?.includes('flanneld') === true);
    return {
      weight: tunnelWeight(state, device, routes.length > 0, undefined),
      settings: settingsOf(socket?.port ?? defaultPort),
      evidence: [`${device.ifname} is a tun device, which lives as long as its flanneld`, `${routes.length} routes use it`],
    };
  },

  expect({self, uplink, networks}): Expected {
    const own = leaseOf(self, 4);
    const within = networks.filter((n) => familyOf(n) === 4);
    if (!own) return {link: [], address: [], route: [], neigh: [], fdb: []};
    const route = (dst: Prefix): Route => ({family: 4, table: 'main', type: 'unicast', dst, dev: deviceName, metric: 0, flags: []});
    const row: Address = {family: 4, dev: deviceName, local: baseOf(own.subnet), prefixlen: 32, scope: 'global', flags: []};
    return {
      link: [{family: 4, row: {ifname: deviceName, kind: 'tun', flags: ['UP'], mtu: uplink.mtu - 28}}],
      // v0.9 and v0.10 gave the device the prefix length of the whole network; since v0.11 it is the address alone.
      address: [{family: 4, row, older: within.map((n) => ({...row, prefixlen: lengthOf(n)}))}],
      route: within.map((n) => ({family: 4, row: route(n)})),
      neigh: [],
      fdb: [],
    };
  },

  explain: {
    summary:
      'Pod packets go through a TUN device to flanneld, which sends them in UDP itself; the kernel holds one route, and flanneld who has which subnet.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: the whole pod network dev flannel0',
      'node A flanneld: reads the packet from the TUN device, takes one from its TTL and looks the peer up in its own memory',
      "wire: outer IPv4 A → B, UDP from and to port 8285, the pod's packet with nothing before it",
      'node B flanneld: writes the packet to flannel0, takes one from its TTL',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    drawing: {
      device: 'flannel0 (tun) ⇄ flanneld',
      route: 'route: NET dev flannel0',
      finds: 'the lease in its memory: B',
      takes: 'flanneld’s socket',
      carries: 'UDP 8285',
      before: [
        ['IPv4', 20],
        ['UDP', 8],
      ],
      room: 28,
    },
    overhead: "28 bytes: pods get an MTU of the uplink's less 28",
    facts: [
      'Every packet crosses between kernel and process twice: slow, and gone for as long as flanneld is.',
      'TUN device, address and route vanish with flanneld, however it ends.',
      'Routes to single subnets that another backend left win over the one route to all: then nothing goes through flannel0.',
      'Of two flannelds of different backends, udp takes every lease as one of its own.',
      'A flannel without Backend in its net-conf.json runs udp; it is there on amd64 only, and has no IPv6.',
    ],
  },
};
