import type {FamilyLease, Lease} from '../flannel/lease.js';
import type {Address} from '../kernel/address.js';
import type {Fdb} from '../kernel/fdb.js';
import type {Link} from '../kernel/link.js';
import type {Neigh} from '../kernel/neigh.js';
import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import type {WgPeer} from '../kernel/wg.js';
import type {XfrmPolicy} from '../kernel/xfrm.js';
import type {Family, Ip, Prefix} from '../net/address.js';
import type {Attachment} from '../node/attachment.js';
import type {NodeState} from '../node/state.js';

/** Priorities of the rules to a pod and from it. */
export interface Priorities {
  readonly to: number;
  readonly from: number;
}

/** The keys of flannel's Backend object that change what the kernel must hold; a mode uses those that are its own. */
export interface Settings {
  readonly vni: number;
  /** UDP destination port of the tunnel. */
  readonly port: number;
  readonly directRouting: boolean;
  readonly learning: boolean;
  readonly gbp: boolean;
  /** `Backend.MTU`: replaces the uplink's MTU in flannel's sum; bytes. */
  readonly mtu?: number;
  /** WireGuard's UDP ports; V6 is that of the second device, which only the mode `separate` has. */
  readonly listenPort?: number;
  readonly listenPortV6?: number;
  readonly wgMode?: 'separate' | 'auto' | 'ipv4' | 'ipv6';
  /** `PersistentKeepaliveInterval`, seconds; 0 is off. */
  readonly keepalive?: number;
  /** A preshared key is configured; the key itself is never kept. */
  readonly psk?: boolean;
  /** ipsec: ESP in UDP 4500. */
  readonly udpEncap?: boolean;
  /** The commands of `extension`, as they are written. */
  readonly extension?: {
    readonly preStartup?: string;
    readonly postStartup?: string;
    readonly subnetAdd?: string;
    readonly subnetRemove?: string;
  };
}

/** A row that must be there, and for whose sake. */
export interface Want<Row> {
  readonly row: Row;
  readonly family: Family;
  /** The node whose lease asks for it; absent for what belongs to the node itself. */
  readonly peer?: string;
  /** May be there or not, right or wrong: leftovers that flannel itself leaves and nothing uses. */
  readonly tolerated?: boolean;
  /** Other forms of the row that are as right: what older versions of flannel wrote. */
  readonly older?: readonly Row[];
}

/** The kernel state that a mode asks for on one node. */
export interface Expected {
  readonly link: readonly Want<Link>[];
  readonly address: readonly Want<Address>[];
  readonly route: readonly Want<Route>[];
  readonly neigh: readonly Want<Neigh>[];
  readonly fdb: readonly Want<Fdb>[];
  /** Only of modes that have such rows. */
  readonly wg?: readonly Want<WgPeer>[];
  readonly xfrm?: readonly Want<XfrmPolicy>[];
  readonly rule?: readonly Want<Rule>[];
  /** There may be rows beside these that are as right: what nobody asks for is no stray. */
  readonly partial?: true;
}

export interface ExpectContext {
  readonly settings: Settings;
  readonly self: Lease;
  /** Leases of the same backend type, self excluded. */
  readonly peers: readonly Lease[];
  /** The interface that carries traffic between nodes; MTU in bytes. */
  readonly uplink: {readonly name: string; readonly mtu: number};
  /** Does a route lookup to this address give one route without gateway? undefined when the routes are not known. */
  readonly adjacent: (address: Ip) => boolean | undefined;
  /** The pod network, one prefix of each family in use; several between v0.21 and v0.24. */
  readonly networks: readonly Prefix[];
  /** The node itself, for modes whose rows follow from the pods on it; absent before there is one (a lab that is set up). */
  readonly here?: Here;
}

/** What a node has that no lease tells of. */
export interface Here {
  readonly state: NodeState;
  readonly attachments: readonly Attachment[];
  /** The name of the pods' bridge. */
  readonly bridge: string;
}

/** What a node's own tables say about the mode it runs. */
export interface Detection {
  readonly settings: Settings;
  /** Higher wins where two modes recognise themselves: 3 traffic uses it, 2 configured for it, 1 a leftover. */
  readonly weight: 1 | 2 | 3;
  readonly evidence: readonly string[];
}

/** One kind of packet between two nodes. */
export type OuterKind =
  /** The ports that this node and the peer listen on; `hashed`: each packet's source port is made from the packet in it. */
  | {readonly proto: 'udp'; readonly own: number; readonly peer: number; readonly hashed?: true; readonly keys?: true}
  /** An IP protocol by its number and its name in /etc/protocols. */
  | {readonly proto: 'ip'; readonly number: number; readonly name: string};

/** Of a packet on the wire: its name and its bytes. */
export type Header = readonly [name: string, bytes: number];

/** What `explain` draws of a mode, for IPv4: the stations of a packet in a few words, and the headers around it on the wire. */
export interface Drawing {
  /** What carries it on both nodes, between cni0 and the uplink; absent where nothing does. */
  readonly device?: string;
  /** How it is led there, how the other node is found, and who takes it there: 26 characters at most, or the drawing is wider than 80 columns. */
  readonly route: string;
  readonly finds?: string;
  readonly takes?: string;
  /** The host's end of the way from a pod: cni0 where nothing is said; `none`: a pod has the node's part itself. */
  readonly bridge?: string;
  /** How the other node leads it to its pod; a route to its subnet where nothing is said. */
  readonly arrives?: string;
  /** By what it leaves the one node and comes to the other: eth0 where nothing is said. */
  readonly uplink?: string;
  /** What is seen between the nodes, or leads it there: 14 characters at most, 16 where the words above are shorter. */
  readonly carries: string;
  readonly before: readonly Header[];
  readonly after?: readonly Header[];
  /** Bytes that pods' MTU is smaller than the uplink's. */
  readonly room: number;
  /** A word about the sum, where it is not the same for every packet. */
  readonly more?: string;
}

export interface Explanation {
  readonly summary: string;
  /** One line a hop, pod to pod. */
  readonly path: readonly string[];
  readonly overhead: string;
  readonly drawing?: Drawing;
  readonly facts: readonly string[];
}

/**
 * A network mode: data plus pure functions. doctor's diff, the lab's set-up, trace and migrate all come from `expect`;
 * nothing about a mode is written twice.
 */
export interface Mode {
  /** flannel's `Backend.Type`, or flanctl's own name of a mode that is not flannel's. */
  readonly type: string;
  readonly title: string;
  /** Its devices have hardware addresses, and on them each peer is a neighbour. */
  readonly neighbours: boolean;
  /**
   * What on a node tells that it runs this mode: rows and devices that nobody else makes (`own`), plain routes as others write them too
   * (`common`), or nothing but its configuration (`none`).
   */
  readonly traces: 'own' | 'common' | 'none';
  /**
   * The cloud takes pods' packets from node to node, and no row on a node says where they go: by rows of its route table, one a pod subnet
   * (`routes`), or because pods have addresses of its own network interfaces (`addresses`). Absent where the nodes do it themselves.
   */
  readonly fabric?: 'routes' | 'addresses';
  /** No flannel runs where it is in use: no lease, no subnet.env, none of its chains; and `type` is no Backend.Type. */
  readonly foreign?: true;
  /** Keys of its Backend object that a change may ask for. */
  readonly takes?: readonly ('vni' | 'port' | 'directRouting')[];
  /**
   * The gateway of its routes is the peer's public address, which that has to have on an interface of its own: no address translation on the
   * way. `link`: by the uplink, so that each peer has to be on a link of the node's own; `tunnel`: wherever the peer is, by the mode's device.
   */
  readonly gateways?: 'link' | 'tunnel';
  /** Who makes its devices where flanctl cannot: they live as long as flanneld's `process`, or flanneld makes them anew at each `start`. */
  readonly devicesBy?: 'process' | 'start';
  /** Packets are encrypted: for a peer that is told by its key, wherever it is, or by policies, which stand above routes. */
  readonly encrypts?: 'keys' | 'policies';
  /** Who carries its packets, and by which rows, is somebody else's business: flanctl cannot say what has to be there. */
  readonly elsewhere?: true;
  /** The last minor release of flannel's that has it (`v0.<until>`); absent where the newest has. */
  readonly until?: number;
  /** Why no cluster can be taken to it. */
  readonly noTarget?: string;
  /** What goes with a flanneld that ends, before another could carry packets. */
  readonly endsWith?: string;
  /** It carries no packets of IPv6. */
  readonly noIPv6?: true;
  /** The rows of its fabric stand in a table of the cluster's own, which comes before those of the VPC. */
  readonly ownTable?: true;
  /** Where pods have addresses of the cloud's network interfaces. */
  readonly pods?: {
    /** Of the rules that each pod has (model/cloud-modes.md §2.1). */
    readonly priorities?: Priorities;
    /** They may have addresses of the node's first interface, and no rule from them then. */
    readonly onPrimary?: true;
    /** They have network interfaces of their own: each of them, or some. */
    readonly exclusive?: 'all' | 'some';
  };
  /**
   * Each kind of packet that it puts on the wire between two nodes, of which the first carries those of pods; absent where it adds nothing to
   * pods' own, or cannot say. Nodes whose leases are not at hand listen where the settings say.
   */
  wire?(settings: Settings, family: Family, leases?: {readonly own: FamilyLease; readonly peer: FamilyLease}): readonly OuterKind[];
  /** What such a cloud is thought to do inside, where somebody has told; nobody in the cluster sees it. */
  readonly inside?: readonly string[];
  /** Reads the Backend object (keys folded to lower case). */
  settings(backend: {readonly [key: string]: unknown}): Settings;
  detect(state: NodeState): Detection | undefined;
  /** Tunnel devices by family, none for routed modes. */
  devices(settings: Settings): readonly {readonly family: Family; readonly name: string}[];
  /** Bytes that the mode adds to each packet on the wire; by which device, where a mode has several kinds. */
  overhead(family: Family, device?: Link): number;
  /** `FLANNEL_MTU`: what flanneld writes for pods. */
  podMtu(settings: Settings, uplinkMtu: number): number;
  /** What the node's own devices add to its lease: the VTEP's hardware address, WireGuard's public key and port. */
  publishes(links: readonly Link[], settings: Settings): Partial<Lease>;
  /** A configuration of the mode by what nodes must share to hear each other: `vxlan (VNI 1, UDP 8472)`. */
  named(settings: Settings): string;
  /** Can what the tables show be what was asked for? Without it: when both are named alike. */
  mayBe?(seen: Settings, asked: Settings): boolean;
  /** The same settings for a device of another name, one that none of these have (no name, no number): modes of which two can be there at once. */
  aside?(settings: Settings, links: readonly Link[]): Settings;
  expect(context: ExpectContext): Expected;
  /** May this mode leave or own such a device? Used to tell flannel's devices from others. */
  ownsDevice(name: string): boolean;
  readonly explain: Explanation;
}
