import {type Lease, leaseOf} from '../flannel/lease.js';
import type {Link} from '../kernel/link.js';
import {familyOf} from '../net/address.js';
import {type Made, madeBy, type Rows} from './extension/rows.js';
import {understand} from './extension/shell.js';
import {ipip} from './ipip.js';
import type {ExpectContext, Expected, Mode, OuterKind, Settings, Want} from './mode.js';
import {readSettings} from './settings.js';
import {vxlan} from './vxlan.js';
import {wireguard} from './wireguard.js';

type Commands = NonNullable<Settings['extension']>;

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

function settingsOf(backend: {readonly [key: string]: unknown}): Settings {
  const [preStartup, postStartup] = [text(backend['prestartupcommand']), text(backend['poststartupcommand'])];
  const [subnetAdd, subnetRemove] = [text(backend['subnetaddcommand']), text(backend['subnetremovecommand'])];
  const commands: Commands = {
    ...(preStartup !== undefined && {preStartup}),
    ...(postStartup !== undefined && {postStartup}),
    ...(subnetAdd !== undefined && {subnetAdd}),
    ...(subnetRemove !== undefined && {subnetRemove}),
  };
  return {...readSettings({}), extension: commands};
}

/** The WireGuard of k3s before 1.26: its device bears vxlan's name (model/flannel-backends.md §8). */
const k3sWireguard: Commands = {
  postStartup:
    "SUBNET_IP=$(echo $SUBNET | cut -d'/' -f 1); wg set flannel.1 listen-port 51820; ip addr add $SUBNET_IP/32 dev flannel.1; ip link set flannel.1 up; ip route add $NETWORK dev flannel.1",
  subnetAdd: 'read PUBLICKEY; wg set flannel.1 peer $PUBLICKEY endpoint $PUBLIC_IP:51820 allowed-ips $SUBNET persistent-keepalive 25',
};

/** Kinds of devices, and the mode of flannel's that makes such ones itself. */
const tunnels: readonly {readonly kind: string; readonly mode: Mode}[] = [
  {kind: 'vxlan', mode: vxlan},
  {kind: 'ipip', mode: ipip},
  {kind: 'wireguard', mode: wireguard},
];

interface Declared {
  readonly made: readonly Made[];
  /** Every command was understood: nothing else is made. */
  readonly whole: boolean;
}

function declared(
  command: string | undefined,
  given: {readonly [name: string]: string | undefined},
  uplink: string,
  stdin?: string,
): Declared {
  if (command === undefined) return {made: [], whole: true};
  const {commands, whole} = understand(command, given, stdin);
  const made = commands.map((words) => madeBy(words, uplink));
  return {made: made.filter((m) => m !== undefined && m !== 'nothing'), whole: whole && !made.includes(undefined)};
}

/** What flanneld sets for the commands; SUBNET is the whole prefix. */
const ofNode = (lease: Lease, network: string | undefined) => ({
  NETWORK: network,
  SUBNET: lease.subnet,
  PUBLIC_IP: lease.publicIP,
  IPV6SUBNET: lease.ipv6Subnet,
  PUBLIC_IPV6: lease.publicIPv6,
});

/** What the commands make, whatever they are given. */
function anywhere({extension = {}}: Settings): readonly Made[] {
  const given = {NETWORK: '10.0.0.0/8', SUBNET: '10.0.0.0/24', PUBLIC_IP: '10.0.0.1', IPV6SUBNET: 'fd00::/64', PUBLIC_IPV6: 'fd00::1'};
  return [extension.preStartup, extension.postStartup, extension.subnetAdd].flatMap(
    (c) => declared(c, given, '', '00:00:00:00:00:01').made,
  );
}

/** Devices that the commands name. */
function devicesOf(settings: Settings): readonly string[] {
  const names = anywhere(settings).flatMap((m) => (m.table === 'link' ? [m.row.ifname] : m.table === 'route' ? [] : [m.row.dev]));
  return [...new Set(names)];
}

/**
 * flannel runs commands that somebody wrote, and makes nothing itself. As far as they are plain calls of `ip`, `bridge` and `wg` they
 * say what a node must have; of the rest nothing is expected (flannel pkg/backend/extension; model/flannel-backends.md §4.5).
 */
export const extension: Mode = {
  type: 'extension',
  title: 'flannel extension',
  neighbours: false,
  traces: 'none',
  elsewhere: true,
  noTarget: 'what its commands do cannot be known before they run',
  settings: settingsOf,
  overhead: (family, device) => tunnels.find(({kind}) => kind === device?.kind)?.mode.overhead(family) ?? 0,
  devices: (settings) => devicesOf(settings).map((name) => ({family: 4, name})),
  ownsDevice: () => false,
  podMtu: (_settings, uplinkMtu) => uplinkMtu,
  named: () => 'extension',

  wire: (settings) =>
    anywhere(settings).flatMap(({table, row}): readonly OuterKind[] => {
      if (table !== 'link' || row.kind !== 'vxlan') return [];
      const port = Number(row.info?.['port'] ?? readSettings({}).port);
      return [{proto: 'udp', own: port, peer: port, hashed: true}];
    }),

  publishes(links, settings) {
    const names = devicesOf(settings);
    const device = links.find((l) => names.includes(l.ifname));
    const key = device?.info?.['publicKey'];
    if (typeof key === 'string') return {publicKey: key};
    return device?.kind === 'vxlan' && device.address !== undefined ? {vtepMAC: device.address} : {};
  },

  detect(state) {
    const device = state.tables.link?.find((link) => link.ifname === 'flannel.1' && link.kind === 'wireguard');
    if (!device) return undefined;
    return {
      weight: 3,
      settings: {...readSettings({}), extension: k3sWireguard},
      evidence: ["flannel.1 is a WireGuard device: k3s's wireguard before 1.26, an extension"],
    };
  },

  expect(context): Expected {
    const {settings, self, peers, uplink, networks} = context;
    const {preStartup, postStartup, subnetAdd} = settings.extension ?? {};
    const network = networks.find((n) => familyOf(n) === 4);
    const own = ofNode(self, network);
    const parts = [
      {...declared(preStartup, {}, uplink.name), peer: undefined},
      {...declared(postStartup, own, uplink.name), peer: undefined},
      ...peers.flatMap((lease) => {
        const peer = leaseOf(lease, 4);
        if (!peer) return [];
        const given = {SUBNET: peer.subnet, PUBLIC_IP: peer.publicIP};
        return [{...declared(subnetAdd, given, uplink.name, lease.publicKey ?? lease.vtepMAC), peer: lease.node}];
      }),
    ];
    return rowsOf(context, parts);
  },

  explain: {
    summary: 'flannel runs commands from its configuration at the start and for each peer; what carries the packets is what they make.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A: routes, neighbours and devices as PostStartupCommand and SubnetAddCommand made them',
      'wire: whatever those devices put on it',
      'node B: the same the other way round',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    overhead: "flannel reckons with none: pods get the uplink's MTU, unless the CNI configuration says otherwise",
    facts: [
      'flanctl expects the rows that plain calls of ip, bridge and wg in the commands make, and of the rest nothing.',
      'Since v0.28.2 commands are not given to a shell: no pipes, no quotes, no `;`. What was written for one fails there.',
      'What PreStartupCommand prints is published, and given to the commands of the peers on their standard input.',
      'A ShutdownCommand is never run: what the commands made stays when flanneld exits.',
      "k3s's tailscale is one, and so was its wireguard before 1.26, on a device named flannel.1.",
    ],
  },
};

function rowsOf(context: ExpectContext, parts: readonly (Declared & {readonly peer: string | undefined})[]): Expected {
  const of = <T extends keyof Rows>(table: T): Want<Rows[T]>[] =>
    parts.flatMap(({made, peer}) =>
      made.flatMap((m): Want<Rows[T]>[] =>
        m.table === table ? [{family: familyIn(m), row: m.row as Rows[T], ...(peer !== undefined && {peer})}] : [],
      ),
    );
  // A device is made by one command and set up by others: the last says what it is.
  const links = new Map<string, Want<Link>>(of('link').map((w) => [w.row.ifname, w]));
  const wg = of('wg');
  return {
    link: [...links.values()],
    address: of('address').filter((w) => w.row.dev !== context.uplink.name),
    route: of('route'),
    neigh: of('neigh'),
    fdb: of('fdb'),
    ...(wg.length > 0 && {wg}),
    ...(!parts.every((p) => p.whole) && {partial: true}),
  };
}

const familyIn = (made: Made): 4 | 6 => ('family' in made.row ? made.row.family : 4);
