import type {TableName} from '../kernel/index.js';
import type {Sourced} from '../kernel/table.js';
import type {Cluster} from '../model/cluster.js';
import type {NodeView} from '../model/view.js';
import type {Restarts} from './restart.js';
import type {Token} from './token.js';

export type Severity = 'error' | 'warning' | 'info';

/** Where a rule stands in the chain of causes, earliest first: what breaks early explains what is missing later (failure-catalogue.md §4). */
export const stages = ['lease', 'device', 'route', 'neigh', 'fdb', 'policy', 'firewall', 'sysctl', 'mtu', 'pod', 'leftover'] as const;
export type Stage = (typeof stages)[number];

/** What proves a finding: the rows as printed, and the command that printed them. */
export interface Evidence {
  readonly node: string;
  readonly command: string;
  /** As people read them (iproute2's text), one row a line. */
  readonly lines: readonly string[];
  /** The exact text or JSON objects that were printed, where the rows came from the node. */
  readonly raw?: readonly unknown[];
}

/** One command of a remedy, to be run as root on a node. */
export interface Step {
  readonly node: string;
  readonly run: string;
}

/** What a rule itself says of one thing; the engine adds whose rule it is, merges equal ones and folds consequences under causes. */
export interface Observation {
  /** Overrides the rule's own, where the same fault may or may not break traffic. */
  readonly severity?: Severity;
  /** The node it is found on; only cluster rules need to say it. */
  readonly node?: string;
  /** The thing, in a few words: a prefix, a device, a pod. */
  readonly subject: string;
  /** One sentence: what is, and what should be. */
  readonly message: string;
  readonly evidence: readonly Evidence[];
  /** Overrides the rule's effect with the names at hand. */
  readonly effect?: string;
  /** Commands that mend it, in order; none when no command can. */
  readonly steps?: readonly Step[];
  /** The other nodes concerned. */
  readonly peers?: readonly string[];
  /** Tokens of what must be whole for this to be right: a finding that breaks one of them is the cause of this. */
  readonly dependsOn?: readonly Token[];
  /** Tokens of what is broken by this. */
  readonly breaks?: readonly Token[];
}

export interface RuleInfo {
  /** Stable and kebab-case; also the name of the file and of docs/rules/<id>.md. An id of model/failure-catalogue.md where it has one. */
  readonly id: string;
  readonly stage: Stage;
  readonly severity: Severity;
  /** The healthy state in one plain sentence: what is true when nothing is found. */
  readonly holds: string;
  /** How it comes about in the field. */
  readonly cause: string;
  /** What traffic suffers. */
  readonly effect: string;
  /** The remedy in words; the observation has the commands. */
  readonly remedy: string;
  /** The remedy speaks of restarting flannel: what that is here is said with it. */
  readonly restarts?: Restarts;
  /** safe: idempotent, cuts nothing that works, flanneld would have written the same. ask: needs a human's yes. no: commands, if any, are advice. */
  readonly fix: 'safe' | 'ask' | 'no';
  /** Append the commands of the folded consequences to this rule's own: a device that comes back comes back empty. */
  readonly replay?: boolean;
  /** flannel backend types it is about; absent means all. */
  readonly modes?: readonly string[];
  /** It is about what flanneld or its CNI plugin does: where no flannel runs, it is about nothing. */
  readonly flannels?: true;
  /** Without these records it is about nothing: a run without the API server or etcd is no worse for it. What was refused is a gap. */
  readonly records?: readonly RecordNeed[];
  /** Where pods' packets are led by rows of a cloud's route tables; elsewhere it says nothing. */
  readonly fabric?: 'routes';
  /** What the cloud must have said; without it the verdict is `not evaluated`, never `pass`. */
  readonly cloud?: readonly CloudNeed[];
  /** It may be the cause of others of its own stage. */
  readonly early?: true;
}

/** A table, or another part of the state, that must have been looked at. `netfilter` is `iptables` and `nft` together. */
export type Need =
  | TableName
  | 'sysctl'
  | 'iptables'
  | 'nft'
  | 'netfilter'
  | 'subnetEnv'
  | 'cni'
  | 'cniBin'
  | 'pods'
  | 'sockets'
  | 'netConf'
  | 'modules';

export interface NodeRule extends RuleInfo {
  readonly scope: 'node';
  /** Without these the verdict is `not evaluated`, never `pass`. */
  readonly needs: readonly Need[];
  /** Without these a finding is still true, but silence proves nothing: then the verdict is `not evaluated`. */
  readonly confirms?: readonly Need[];
  /** Judges only with every member known: an unknown node may own what looks like a stray. */
  readonly needsWholeCluster?: boolean;
  /** Of a node where this is false it says nothing, and nothing of it goes unevaluated; absent means that every node is its business. */
  readonly concerns?: (view: NodeView) => boolean;
  check(view: NodeView): Iterable<Observation>;
}

/** A part of flannel's records. `kubernetes` and `etcd`: all of them, where they are kept there and list the nodes. */
export type RecordNeed = 'kubernetes' | 'etcd' | 'daemonSets' | 'flannelPods' | 'pods';

/**
 * A part of what the cloud says; `tables`: the route tables, and which of them serves each node. Of `groups` nothing is missed where none
 * were given: few ask for them, and a run without them is no worse for it.
 */
export type CloudNeed = 'routes' | 'tables' | 'enis' | 'groups';

export interface ClusterRule extends RuleInfo {
  readonly scope: 'cluster';
  check(cluster: Cluster): Iterable<Observation & {readonly node: string}>;
}

export type Rule = NodeRule | ClusterRule;

/** Evidence from rows of one table. */
export function rows<Row extends Sourced>(node: string, show: (row: Row) => string, found: readonly Row[], otherwise = ''): Evidence {
  const origins = found.flatMap((row) => (row.origin ? [row.origin] : []));
  return {
    node,
    command: origins[0]?.command ?? otherwise,
    lines: found.map(show),
    ...(origins.length > 0 && {raw: origins.map((o) => o.raw)}),
  };
}

/** Evidence that a row is not there: the command that did not print it. */
export const absent = (node: string, command: string, what: string): Evidence => ({node, command, lines: [`(no row: ${what})`]});
