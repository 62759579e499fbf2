import type {Address} from '../kernel/address.js';
import type {Fdb} from '../kernel/fdb.js';
import type {Link} from '../kernel/link.js';
import type {Neigh} from '../kernel/neigh.js';
import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import type {WgPeer} from '../kernel/wg.js';
import type {XfrmPolicy} from '../kernel/xfrm.js';

/** The tables a change may touch, and their rows. */
export interface ChangeRow {
  readonly link: Link;
  readonly address: Address;
  readonly route: Route;
  readonly neigh: Neigh;
  readonly fdb: Fdb;
  readonly wg: WgPeer;
  readonly xfrm: XfrmPolicy;
  readonly rule: Rule;
}
export type ChangeTable = keyof ChangeRow;

/**
 * What goes with a device when it is deleted (its addresses, routes, neighbours, FDB rows and peers), or with an address: with the last IPv4 address
 * of a device all its IPv4 routes and neighbours, and with any the routes that name it as their source.
 */
export interface Contents {
  readonly address: readonly Address[];
  readonly route: readonly Route[];
  readonly neigh: readonly Neigh[];
  readonly fdb: readonly Fdb[];
  /** Of a WireGuard device. */
  readonly wg?: readonly WgPeer[];
  /** Its own sysctls that differ from what a new device gets: key below /proc/sys → value. */
  readonly sysctl: {readonly [key: string]: string};
}

/** A row that comes, changes in one atomic step, or goes. `before` is the row that the plan saw: the inverse comes from it. */
export type RowOperation<T extends ChangeTable> =
  /** `contents` of an address: what is there already and would go when it is taken back. */
  | {readonly on: T; readonly do: 'add'; readonly row: ChangeRow[T]; readonly contents?: Contents}
  /** `contents` of a device that gets another hardware address: the neighbours on it, which the kernel drops then and which are written again. */
  | {readonly on: T; readonly do: 'replace'; readonly row: ChangeRow[T]; readonly before: ChangeRow[T]; readonly contents?: Contents}
  | {readonly on: T; readonly do: 'del'; readonly row: ChangeRow[T]; readonly contents?: Contents};

/** A kernel setting, by its path below /proc/sys (`net/ipv4/conf/eth0/rp_filter`). */
export interface SysctlOperation {
  readonly on: 'sysctl';
  readonly do: 'replace';
  readonly key: string;
  readonly to: string;
  /** undefined: the key is of a device that an earlier operation of the same plan makes, and goes with it. */
  readonly before: string | undefined;
}

/** A whole small text file on the node, written beside and renamed into place. `before` undefined: there was none; `to` undefined: it goes. */
export interface FileOperation {
  readonly on: 'file';
  readonly do: 'replace';
  readonly path: string;
  readonly to: string | undefined;
  readonly before: string | undefined;
}

/** The MTU of a pod's interface, inside its namespace; the node's end of the veth is an ordinary `link` operation. Bytes. */
export interface PodLinkOperation {
  readonly on: 'pod-link';
  readonly do: 'replace';
  /** As gathered: the name of its namespace. */
  readonly pod: string;
  readonly dev: string;
  readonly to: number;
  readonly before: number;
}

/** A permanent neighbour inside a pod's namespace, where no packet makes the right one. `before` undefined: there was none. */
export interface PodNeighOperation {
  readonly on: 'pod-neigh';
  readonly do: 'replace';
  /** As gathered: the name of its namespace. */
  readonly pod: string;
  readonly row: Neigh;
  readonly before: Neigh | undefined;
}

/** A route inside a pod's namespace, that was not there. */
export interface PodRouteOperation {
  readonly on: 'pod-route';
  readonly do: 'add';
  readonly pod: string;
  readonly row: Route;
}

/**
 * Something that flanctl itself does over the API server: flannel's ConfigMap gets another text, or the flannel pod of a node is started
 * anew. The node whose stage it stands in only writes it down, before and after: so any machine that reaches the nodes knows of it.
 */
export type KubeOperation = KubeConfigOperation | KubeRestartOperation;

export interface KubeConfigOperation {
  readonly on: 'kube';
  readonly do: 'config';
  readonly namespace: string;
  /** The ConfigMap and its key. */
  readonly name: string;
  readonly key: string;
  /** Texts, whole. */
  readonly to: string;
  readonly before: string;
  /** The nodes of the plan, and flannel's annotation for the backend at `to` and `before`: another node that runs `before` is in the way. None: nobody is. */
  readonly nodes: readonly string[];
  readonly types: readonly [to: string, before: string];
  /** Somebody else keeps the ConfigMap (GitOps): flanctl waits until it is as wanted. */
  readonly wait: boolean;
}

export interface KubeRestartOperation {
  readonly on: 'kube';
  readonly do: 'restart';
  readonly namespace: string;
  readonly daemonSet: string;
  readonly node: string;
  /** What the node's annotation is to say when flannel is up. */
  readonly to: string;
  readonly before: string;
  readonly annotation: string;
  /** What it starts with: that comes first, both ways. */
  readonly config: KubeConfigOperation;
}

/**
 * One reversible change on one node (architecture.md, rule 7). It knows its command, its inverse from the state *before*, what must hold
 * before it, and what it makes of the tables: see the list in `operations/index.ts`, one file a kind.
 */
export type Operation =
  | {readonly [T in ChangeTable]: RowOperation<T>}[ChangeTable]
  | SysctlOperation
  | FileOperation
  | PodLinkOperation
  | PodNeighOperation
  | PodRouteOperation
  | KubeOperation;
export type OperationKind = Operation['on'];

/** Is it about what is in a pod's namespace? Then pods are to be looked into. */
export const isInPod = (op: Operation): op is PodLinkOperation | PodNeighOperation | PodRouteOperation =>
  op.on === 'pod-link' || op.on === 'pod-neigh' || op.on === 'pod-route';
