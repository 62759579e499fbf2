import {type FamilyLease, type Lease, leaseOf} from '../flannel/lease.js';
import type {Fdb} from '../kernel/fdb.js';
import type {Link} from '../kernel/link.js';
import type {Neigh} from '../kernel/neigh.js';
import type {Route} from '../kernel/route.js';
import {type Family, widthOf} from '../net/address.js';
import {baseOf} from '../net/prefix.js';
import {directRoute} from './direct-route.js';
import type {Detection, ExpectContext, Expected, Mode, Want} from './mode.js';
import {readSettings} from './settings.js';
import {directRoutes, tunnelWeight} from './tunnel-weight.js';

const families: readonly Family[] = [4, 6];
const deviceName = (vni: number, family: Family): string => (family === 4 ? `flannel.${vni}` : `flannel-v6.${vni}`);
const isVxlan = (link: Link): boolean => link.kind === 'vxlan' && /^flannel(-v6)?\.\d+$/.test(link.ifname);

/** Outer IPv4 20 (IPv6 40) + UDP 8 + VXLAN 8 + inner Ethernet 14. */
const overhead = (family: Family): number => (family === 4 ? 50 : 70);

/**
 * flannel's default backend. For each peer one route, one neighbour and one FDB row: the peer's subnet is reached through an
 * address nobody answers for (the subnet's own network address), whose hardware address is the peer's VTEP, which the FDB sends to
 * the peer's public address (flannel pkg/backend/vxlan; model/flannel-backends.md §2).
 */
export const vxlan: Mode = {
  type: 'vxlan',
  title: 'flannel vxlan',
  neighbours: true,
  traces: 'own',
  takes: ['vni', 'port', 'directRouting'],
  settings: readSettings,
  wire: ({port}) => [{proto: 'udp', own: port, peer: port, hashed: true}],
  overhead,
  devices: ({vni}) => families.map((family) => ({family, name: deviceName(vni, family)})),
  ownsDevice: (name) => /^flannel(-v6)?\.\d+$/.test(name),

  // flanneld subtracts 50 for both families and writes it unclamped (v0.21.3 and later).
  podMtu: (settings, uplinkMtu) => (settings.mtu ?? uplinkMtu) - 50,

  detect(state) {
    // Without details no device tells its kind.
    if (state.families.link === undefined) return undefined;
    const device =
      state.tables.link?.find((link) => isVxlan(link) && !link.ifname.startsWith('flannel-v6')) ?? state.tables.link?.find(isVxlan);
    if (!device) return undefined;
    const vni = Number(device.info?.['id'] ?? device.ifname.split('.')[1]);
    const inside = (state.tables.route ?? []).filter((r) => r.table === 'main' && r.gateway !== undefined);
    const tunnelled = inside.filter((r) => r.dev === device.ifname || r.dev === deviceName(vni, 6));
    const direct = directRoutes(state);
    // A left-over device carries no route while the pods' MTU says that nothing is encapsulated.
    const lower = state.tables.link?.find((link) => link.ifname === device.info?.['link']);
    const weight = tunnelWeight(state, device, tunnelled.length > 0, lower);
    const configured = tunnelWeight(state, device, false, lower) > 1;
    return {
      weight,
      settings: {
        vni,
        port: Number(device.info?.['port'] ?? 8472),
        directRouting: direct.length > 0 && configured,
        learning: device.info?.['learning'] === true,
        gbp: device.info?.['gbp'] === true,
      },
      evidence: [`${device.ifname} is a vxlan device (id ${vni})`, `${tunnelled.length} routes use it`],
    } satisfies Detection;
  },

  aside(settings, links) {
    const taken = new Set(links.flatMap((l) => [Number(l.info?.['id']), Number(/^flannel(?:-v6)?\.(\d+)$/.exec(l.ifname)?.[1])]));
    let vni = settings.vni + 1;
    while (taken.has(vni)) vni += 1;
    return {...settings, vni};
  },

  named: ({vni, port}) => `vxlan (VNI ${vni}, UDP ${port})`,

  publishes(links, {vni}) {
    const mac = (family: Family) => links.find((link) => link.ifname === deviceName(vni, family))?.address;
    const [v4, v6] = [mac(4), mac(6)];
    return {...(v4 !== undefined && {vtepMAC: v4}), ...(v6 !== undefined && {vtepMACv6: v6})};
  },

  expect(context): Expected {
    const link: Want<Link>[] = [];
    const address: Expected['address'][number][] = [];
    const [route, neigh, fdb]: [Want<Route>[], Want<Neigh>[], Want<Fdb>[]] = [[], [], []];
    for (const family of families) {
      const self = leaseOf(context.self, family);
      if (!self) continue;
      const dev = deviceName(context.settings.vni, family);
      link.push({family, row: device(context, self, dev)});
      address.push({
        family,
        row: {family, dev, local: baseOf(self.subnet), prefixlen: widthOf(family), scope: 'global', flags: []},
      });
      for (const other of context.peers) {
        const wants = wantsFor(other, family, dev);
        if (!wants) continue;
        const adjacent = context.settings.directRouting ? context.adjacent(wants.peer.publicIP) : false;
        route.push(adjacent === true ? directRoute(wants.peer, context.uplink.name) : wants.route);
        // flanneld does not write these for a direct peer, and does not remove old ones either: both are fine (§2.3); and so they are
        // where the routes that tell whether it is one were not read.
        const strict = adjacent === false;
        if (wants.neigh) neigh.push(strict ? wants.neigh : {...wants.neigh, tolerated: true});
        if (wants.fdb) fdb.push(strict ? wants.fdb : {...wants.fdb, tolerated: true});
      }
    }
    return {link, address, route, neigh, fdb};
  },

  explain: {
    summary: 'Pod packets travel inside UDP between the nodes; each node keeps one route, one neighbour and one FDB entry for each peer.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: SUB(B) via SUB(B).0 dev flannel.1 onlink',
      "node A neighbour: SUB(B).0 on flannel.1 is the hardware address of B's flannel.1 (PERMANENT, nobody is asked)",
      'node A FDB: that hardware address on flannel.1 goes to the public address of B',
      "wire: outer IP A → B, UDP to port 8472, VXLAN header with the VNI, inner Ethernet, the pod's packet",
      'node B: UDP port → VNI → flannel.1, whose own hardware address must be the inner destination',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    drawing: {
      device: 'flannel.1 (vxlan)',
      route: 'route: SUB(B) via SUB(B).0',
      finds: 'neighbour, then FDB: B',
      takes: 'port, VNI, own address',
      carries: 'UDP 8472',
      before: [
        ['IPv4', 20],
        ['UDP', 8],
        ['VXLAN', 8],
        ['Ethernet', 14],
      ],
      room: 50,
      more: '70 over IPv6',
    },
    overhead: "50 bytes over IPv4 (70 over IPv6): pods get an MTU of the uplink's less 50",
    facts: [
      'flanneld repairs none of these while it runs: a deleted row stays deleted until it restarts.',
      'DirectRouting gives peers on the same link a plain route through their public address instead.',
      'Nothing is removed when flanneld exits; traffic goes on.',
    ],
  },
};

/** What every node wants for the sake of one peer. */
interface PeerWants {
  readonly dev: string;
  readonly peer: FamilyLease;
  readonly route: Want<Route>;
  readonly neigh?: Want<Neigh>;
  readonly fdb?: Want<Fdb>;
}

/** These rows are the same on every node: made once for each lease, or N nodes would make N² of them. */
const made = new WeakMap<Lease, {[F in Family]?: PeerWants}>();

function wantsFor(lease: Lease, family: Family, dev: string): PeerWants | undefined {
  const known = made.get(lease) ?? {};
  const held = known[family];
  if (held?.dev === dev) return held;
  const peer = leaseOf(lease, family);
  if (!peer) return undefined;
  const about = {family, peer: peer.node};
  const lladdr = peer.vtepMAC;
  const wants: PeerWants = {
    dev,
    peer,
    route: tunnelRoute(peer, dev),
    ...(lladdr !== undefined && {
      neigh: {...about, row: {family, dst: baseOf(peer.subnet), dev, lladdr, state: ['PERMANENT']}},
      fdb: {...about, row: {mac: lladdr, dev, dst: peer.publicIP, flags: ['self'], state: 'permanent'}},
    }),
  };
  made.set(lease, {...known, [family]: wants});
  return wants;
}

function device({settings, uplink}: ExpectContext, self: FamilyLease, ifname: string): Link {
  const asked = (settings.mtu ?? uplink.mtu) - 50;
  return {
    ifname,
    kind: 'vxlan',
    flags: ['UP'],
    // The kernel clamps the device of an IPv6 underlay to what fits (§2.1).
    mtu: Math.min(asked, uplink.mtu - overhead(self.family)),
    ...(self.vtepMAC !== undefined && {address: self.vtepMAC}),
    info: {
      id: settings.vni,
      [self.family === 4 ? 'local' : 'local6']: self.publicIP,
      link: uplink.name,
      port: settings.port,
      learning: settings.learning,
    },
  };
}

function tunnelRoute(peer: FamilyLease, dev: string): Want<Route> {
  return {
    family: peer.family,
    peer: peer.node,
    row: {
      family: peer.family,
      table: 'main',
      type: 'unicast',
      dst: peer.subnet,
      gateway: baseOf(peer.subnet),
      dev,
      metric: peer.family === 6 ? 1024 : 0,
      flags: ['onlink'],
    },
  };
}
