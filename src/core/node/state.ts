import type {CniFile} from '../flannel/cni-conf.js';
import type {NetConfResult} from '../flannel/net-conf.js';
import type {SubnetEnv} from '../flannel/subnet-env.js';
import type {NodeTables, TableName} from '../kernel/index.js';
import type {Netfilter} from '../kernel/netfilter/index.js';
import type {SocketRow} from '../kernel/socket.js';
import type {Family} from '../net/address.js';
import type {Gap, NodeFailure} from './dump.js';

/** Three values, not two: what was found, `none` (looked, and it is not there), or undefined (not looked). */
export type Looked<T> = T | 'none' | undefined;

/** One network namespace: a node's own, or a pod's. */
export interface NamespaceState {
  readonly tables: NodeTables;
  /** Which families of a table were read. A table is absent from `tables` when none was. */
  readonly families: {readonly [N in TableName]?: ReadonlySet<Family>};
}

export interface PodState extends NamespaceState {
  /** The namespace's name on the node: a named netns, or the sandbox's host name. */
  readonly name: string;
  /** As a node's, where they were read. */
  readonly sysctl?: ReadonlyMap<string, string>;
}

/** Everything read of one node, parsed. Plain data: no clock, no connection. */
export interface NodeState extends NamespaceState {
  readonly name: string;
  readonly via: string;
  readonly takenAt?: string;
  readonly failure?: NodeFailure;
  /** `text` is the whole file. */
  readonly subnetEnv: Looked<SubnetEnv & {readonly command: string; readonly text: string}>;
  readonly netConf: Looked<NetConfResult & {readonly command: string}>;
  readonly cni: Looked<readonly CniFile[]>;
  /** File names in the CNI plugins' folder. */
  readonly cniBin: Looked<ReadonlySet<string>>;
  /** Keys as paths below /proc/sys: `net/ipv4/conf/flannel.1/rp_filter`. */
  readonly sysctl: ReadonlyMap<string, string> | undefined;
  readonly netfilter: Netfilter;
  readonly sockets: readonly SocketRow[] | undefined;
  /** `hostname`, `kernel`, `iproute2`, `uid`, … as the script's host section says. */
  readonly host: {readonly [key: string]: string};
  readonly modules: ReadonlySet<string> | undefined;
  readonly pods: readonly PodState[] | undefined;
  /** The command that printed a section, for evidence. */
  readonly commands: {readonly [section: string]: string};
  readonly gaps: readonly Gap[];
}

/** Was this family of the table read? Only then does a missing row mean that there is none. */
export function looked(state: NamespaceState, table: TableName, family?: Family): boolean {
  const families = state.families[table];
  return families !== undefined && (family === undefined ? families.size > 0 : families.has(family));
}

/**
 * Was this routing table listed? `ip route` and `route -n` print main alone, and then a table without rows may have some; `ip route show
 * table all` prints every one.
 */
export const lookedTable = (state: Pick<NodeState, 'tables' | 'families' | 'commands'>, table: string, family: Family = 4): boolean =>
  looked(state, 'route', family) &&
  (table === 'main' ||
    state.commands[family === 4 ? 'ip-route-all' : 'ip-6-route-all'] !== undefined ||
    (state.tables.route ?? []).some((r) => r.table === table && r.family === family));
