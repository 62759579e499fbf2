import {type FamilyLease, type Lease, leaseOf} from '../flannel/lease.js';
import type {Address} from '../kernel/address.js';
import type {Link} from '../kernel/link.js';
import type {Route} from '../kernel/route.js';
import type {WgPeer} from '../kernel/wg.js';
import {type Family, familyOf, type Ip, type Prefix, widthOf} from '../net/address.js';
import {baseOf, contains} from '../net/prefix.js';
import type {ExpectContext, Expected, Mode, Settings, Want} from './mode.js';
import {int, readSettings} from './settings.js';
import {tunnelWeight} from './tunnel-weight.js';

const families: readonly Family[] = [4, 6];
/** Outer IPv6 40, UDP 8, WireGuard's header 16 and tag 16: flannel leaves room for IPv6 whichever the underlay is. */
const room = 80;
const [listenPort, listenPortV6] = [51820, 51821];

type WireguardSettings = Settings & Required<Pick<Settings, 'wgMode' | 'listenPort' | 'listenPortV6' | 'keepalive'>>;

const isMode = (value: unknown): value is WireguardSettings['wgMode'] =>
  value === 'separate' || value === 'auto' || value === 'ipv4' || value === 'ipv6';

function settingsOf(backend: {readonly [key: string]: unknown}): WireguardSettings {
  const {mtu, ...rest} = readSettings({});
  const stated = int(backend['mtu'], 0);
  return {
    ...rest,
    ...(stated > 0 && {mtu: stated}),
    listenPort: int(backend['listenport'], 0) || listenPort,
    listenPortV6: int(backend['listenportv6'], 0) || listenPortV6,
    wgMode: isMode(backend['mode']) ? backend['mode'] : 'separate',
    keepalive: int(backend['persistentkeepaliveinterval'], 0),
    psk: typeof backend['psk'] === 'string' && backend['psk'] !== '',
  };
}

const deviceName = ({wgMode}: Settings, family: Family): string =>
  family === 6 && (wgMode ?? 'separate') === 'separate' ? 'flannel-wg-v6' : 'flannel-wg';
const isOurs = (name: string): boolean => name === 'flannel-wg' || name === 'flannel-wg-v6';
const portOf = (settings: Settings, family: Family): number =>
  (deviceName(settings, family) === 'flannel-wg-v6' ? settings.listenPortV6 : settings.listenPort) ?? listenPort;
const infoNumber = (link: Link | undefined, key: string): number | undefined => {
  const value = link?.info?.[key];
  return typeof value === 'number' ? value : undefined;
};

/**
 * One WireGuard device for each family (or one for both), one route for the whole pod network into it, and a WireGuard peer for each
 * node: the longest of the peers' allowed addresses that holds the destination says to whom (flannel pkg/backend/wireguard;
 * model/flannel-backends.md §4.2).
 */
export const wireguard: Mode = {
  type: 'wireguard',
  devicesBy: 'start',
  encrypts: 'keys',
  wire(settings, family, leases) {
    // Two devices are two ports only where there are known to be two.
    const listen = portOf({...settings, wgMode: settings.wgMode ?? 'ipv4'}, family);
    return [{proto: 'udp', own: leases?.own.wgPort ?? listen, peer: leases?.peer.wgPort ?? listen}];
  },
  title: 'flannel wireguard',
  neighbours: false,
  traces: 'own',
  settings: settingsOf,
  // Outer IPv4 20 (IPv6 40) + UDP 8 + header 16 + tag 16.
  overhead: (family) => (family === 4 ? 60 : 80),
  devices: (settings) => families.map((family) => ({family, name: deviceName(settings, family)})),
  ownsDevice: isOurs,
  podMtu: (settings, uplinkMtu) => (settings.mtu ?? uplinkMtu) - room,
  named: (settings) =>
    (settings.wgMode ?? 'separate') === 'separate'
      ? `wireguard (UDP ${settings.listenPort ?? listenPort})`
      : `wireguard (${settings.wgMode}, UDP ${settings.listenPort ?? listenPort})`,

  // Without IPv6 every mode has the one device, and of the modes with one for both families the tables tell which was taken, not which was asked.
  mayBe: (seen, asked) =>
    (seen.listenPort ?? listenPort) === (asked.listenPort ?? listenPort) &&
    (seen.wgMode === undefined || seen.wgMode === asked.wgMode || (seen.wgMode !== 'separate' && asked.wgMode === 'auto')),

  publishes(links, settings) {
    const device = (family: Family) => links.find((l) => l.ifname === deviceName(settings, family));
    const [v4, v6] = [device(4), device(6)];
    const publicKey = v4?.info?.['publicKey'] ?? v6?.info?.['publicKey'];
    const [p4, p6] = [infoNumber(v4, 'listenPort'), infoNumber(v6, 'listenPort')];
    return {
      ...(typeof publicKey === 'string' && {publicKey}),
      ...(p4 !== undefined && {wgPort: p4}),
      ...(p6 !== undefined && {wgPortV6: p6}),
    };
  },

  detect(state) {
    if (state.families.link === undefined) return undefined;
    const links = (state.tables.link ?? []).filter((link) => link.kind === 'wireguard' && isOurs(link.ifname));
    const [device] = links;
    if (!device) return undefined;
    const names = new Set(links.map((l) => l.ifname));
    const routes = (state.tables.route ?? []).filter((r) => r.table === 'main' && r.gateway === undefined && names.has(r.dev ?? ''));
    const whole = routes.filter((r) => r.protocol !== 'kernel');
    const peers = (state.tables.wg ?? []).filter((p) => names.has(p.dev));
    const env = state.subnetEnv;
    // What the pods were given does not fit into it: left by a flanneld that was killed, as one that ends takes its devices with it.
    const large = env !== undefined && env !== 'none' && env.mtu !== undefined && env.mtu > device.mtu;
    const v4 = links.find((l) => l.ifname === 'flannel-wg');
    const single = !names.has('flannel-wg-v6') && whole.some((r) => r.family === 6 && r.dev === 'flannel-wg');
    const toV6 = peers.some((p) => p.endpoint !== undefined && familyOf(p.endpoint.address) === 6);
    const {wgMode: _, ...others} = settingsOf({});
    const seen = single ? (toV6 ? 'ipv6' : 'ipv4') : names.has('flannel-wg-v6') ? 'separate' : undefined;
    return {
      weight: large ? 1 : tunnelWeight(state, device, whole.length > 0, undefined),
      settings: {
        ...others,
        ...(seen && {wgMode: seen}),
        listenPort: infoNumber(v4, 'listenPort') ?? listenPort,
        listenPortV6:
          infoNumber(
            links.find((l) => l.ifname === 'flannel-wg-v6'),
            'listenPort',
          ) ?? listenPortV6,
        keepalive: peers.find((p) => p.persistentKeepalive !== undefined)?.persistentKeepalive ?? 0,
      },
      evidence: [`${device.ifname} is a WireGuard device`, `${whole.length} routes use it`, `${peers.length} peers`],
    };
  },

  expect(context): Expected {
    const {settings, self, peers, uplink, networks} = context;
    const own = families.flatMap((family) => leaseOf(self, family) ?? []);
    const asked = (settings.mtu ?? uplink.mtu) - room;
    const link = new Map<string, Want<Link>>();
    for (const {family} of own) {
      const ifname = deviceName(settings, family);
      if (link.has(ifname)) continue;
      const info = {listenPort: portOf(settings, family), ...(self.publicKey !== undefined && {publicKey: self.publicKey})};
      const row: Link = {ifname, kind: 'wireguard', flags: ['UP'], mtu: asked, info};
      // v0.18.0 to v0.19.0 gave it the uplink's MTU, those before none at all: the kernel's own is 1420. Pods always got the sum.
      link.set(ifname, {family, row, older: settings.mtu === undefined ? [uplink.mtu, 1420].map((mtu) => ({...row, mtu})) : []});
    }
    const address = own.map(({family, subnet}): Want<Address> => {
      const row: Address = {
        family,
        dev: deviceName(settings, family),
        local: baseOf(subnet),
        prefixlen: widthOf(family),
        scope: 'global',
        flags: [],
      };
      return {family, row};
    });
    const route = own.flatMap(({family}) =>
      networks.filter((n) => familyOf(n) === family).map((n) => ({family, row: wholeRoute(family, n, deviceName(settings, family))})),
    );
    return {
      link: [...link.values()],
      address,
      route,
      neigh: [],
      fdb: [],
      wg: peers.flatMap((peer) => peersOf(context, own, peer)),
    };
  },

  explain: {
    summary:
      'Pod packets travel encrypted in UDP between the nodes; each node has one route to all pods and one WireGuard peer for each other node.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: the whole pod network dev flannel-wg',
      'node A flannel-wg: of the peers’ allowed addresses the longest prefix that holds the destination names the peer, its endpoint the outer destination',
      'node A flannel-wg: encrypts for that peer’s key; without a session a handshake comes first, and the packet waits',
      "wire: outer IP A → B, UDP to port 51820 (IPv6: 51821), WireGuard's header, the encrypted packet, its tag",
      'node B flannel-wg: decrypts, and drops what comes from an address that is not among the sender’s allowed ones',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    drawing: {
      device: 'flannel-wg (wireguard)',
      route: 'route: NET dev flannel-wg',
      finds: 'allowed-ips: B’s endpoint',
      takes: 'port, key, allowed-ips',
      carries: 'UDP 51820',
      before: [
        ['IPv4', 20],
        ['UDP', 8],
        ['WireGuard', 16],
      ],
      after: [['tag', 16]],
      room: 80,
      more: '80 over IPv6, which flannel leaves room for in any case; padded to 16',
    },
    overhead: "60 bytes over IPv4, 80 over IPv6: pods get an MTU of the uplink's less 80 in any case",
    facts: [
      'Routes to single subnets that another backend left win over the one route to all: their traffic goes on in clear, and nothing says so.',
      'flanneld makes the device anew at every start: all of the node’s pod traffic stops for as long as that takes.',
      'The key lies in /run/flannel/wgkey: a reboot makes a new one, which peers take up from the lease.',
      'A peer that no handshake reaches is silent: up to 128 packets wait for it, and are dropped after ninety seconds of trying.',
      'Device, routes and peers go when flanneld ends properly, and stay when it is killed.',
      'Mode `separate` has a device for each family; `auto`, `ipv4` and `ipv6` have one for both.',
    ],
  },
};

const wholeRoute = (family: Family, dst: Prefix, dev: string): Route => ({
  family,
  table: 'main',
  type: 'unicast',
  dst,
  dev,
  metric: family === 6 ? 1024 : 0,
  flags: [],
});

/** The WireGuard peers that one node is: one on each device, or one for both families on the single device. */
function peersOf({settings, self}: ExpectContext, own: readonly FamilyLease[], lease: Lease): readonly Want<WgPeer>[] {
  const both = own.flatMap(({family}) => leaseOf(lease, family) ?? []);
  const {publicKey} = lease;
  // A key that nobody could read: which peer is this one's, nobody can say.
  if (publicKey === undefined) return [];
  const want = (to: FamilyLease, port: number, allowed: readonly FamilyLease[]): Want<WgPeer> => ({
    family: to.family,
    peer: to.node,
    row: {
      dev: deviceName(settings, to.family),
      publicKey,
      endpoint: {address: to.publicIP, port},
      allowedIPs: allowed.map((l) => l.subnet),
      rxBytes: 0,
      txBytes: 0,
      ...((settings.keepalive ?? 0) > 0 && {persistentKeepalive: settings.keepalive!}),
    },
  });
  if ((settings.wgMode ?? 'separate') === 'separate') return both.map((l) => want(l, l.wgPort ?? portOf(settings, l.family), [l]));
  const to = both.find((l) => l.family === underlayOf(settings, self, lease)) ?? both[0];
  // One device listens for both families, whatever is published for IPv6 (§4.2).
  return to ? [want(to, lease.wgPort ?? portOf(settings, 4), both)] : [];
}

/** By which family a single device reaches a peer, as flannel chooses (§4.2). */
function underlayOf({wgMode}: Settings, self: Lease, peer: Lease): Family {
  if (wgMode === 'ipv4' || wgMode === 'ipv6') return wgMode === 'ipv4' ? 4 : 6;
  if (peer.publicIP !== undefined && self.publicIP !== undefined && !isPrivate(peer.publicIP)) return 4;
  const global = (address: Ip | undefined) => address !== undefined && !contains('fc00::/7', address);
  return global(self.publicIPv6) && global(peer.publicIPv6) ? 6 : 4;
}

const isPrivate = (address: Ip): boolean => ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].some((p) => contains(p, address));
