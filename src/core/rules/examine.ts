import {leaseOf} from '../flannel/lease.js';
import {type TableName, tables} from '../kernel/index.js';
import {type Cluster, isKnown} from '../model/cluster.js';
import type {NodeView} from '../model/view.js';
import {type Family, familyOf} from '../net/address.js';
import {looked} from '../node/state.js';
import {few, lookupsOf} from './cloud-rows.js';
import type {Judged} from './fold.js';
import {restartHere} from './restart.js';
import type {CloudNeed, Need, NodeRule, RecordNeed, Rule} from './rule.js';

/** A rule that could not be judged on a node, and what was missing. */
export interface NotEvaluated {
  readonly rule: string;
  readonly node: string;
  readonly missing: readonly string[];
}

export interface Examination {
  readonly judged: readonly Judged[];
  readonly notEvaluated: readonly NotEvaluated[];
}

const applies = (rule: Rule, cluster: Cluster): boolean =>
  !(rule.flannels === true && cluster.mode?.foreign === true) &&
  (rule.fabric === undefined || rule.fabric === fabricOf(cluster)) &&
  (rule.modes === undefined || (cluster.mode !== undefined && rule.modes.includes(cluster.mode.type))) &&
  (rule.records ?? []).every((need) => recorded(cluster, need));

/** With alloc the routes are somebody's, and a cloud's only where its tables were given. */
const fabricOf = ({mode, cloud}: Cluster): string | undefined =>
  mode?.elsewhere && cloud?.routes === undefined ? undefined : mode?.fabric;

/** What the cloud would have to say, with the flag that gives it. */
function unsaid(cluster: Cluster, need: CloudNeed): readonly string[] {
  const {cloud} = cluster;
  if (need === 'enis') return cloud?.enis === undefined ? ["the cloud's network interfaces (--cloud-enis)"] : [];
  if (need === 'groups')
    return cloud?.groups !== undefined && cloud.enis === undefined ? ["the cloud's network interfaces (--cloud-enis)"] : [];
  const {tables, unclear} = lookupsOf(cluster);
  if (cloud?.routes === undefined || tables.length === 0) return ["the cloud's route tables (--cloud-routes)"];
  return need === 'tables' && unclear.length > 0 ? [`which route table serves ${few(unclear)} (--cloud-enis)`] : [];
}

/** What a remedy that restarts flannel is on this node. */
function restart({restarts}: Rule, cluster: Cluster, node: string): Pick<Judged, 'restart'> {
  const command = restarts && restartHere(cluster, node, restarts);
  return command === undefined ? {} : {restart: command};
}

const recorded = ({records, source}: Cluster, need: RecordNeed): boolean =>
  need === 'kubernetes' || need === 'etcd' ? source === need : records?.[need] !== undefined;

/** Rules that look at the model as a whole. */
export function examineCluster(cluster: Cluster, rules: readonly Rule[]): Examination {
  const judged = rules.flatMap((rule): Judged[] => {
    if (rule.scope !== 'cluster' || !applies(rule, cluster)) return [];
    const observations = [...rule.check(cluster)];
    // One cluster rule speaks of several nodes; each is a finding of its own.
    const byNode = new Map<string, (typeof observations)[number][]>();
    for (const o of observations) byNode.set(o.node, [...(byNode.get(o.node) ?? []), o]);
    return [...byNode].map(([node, list]) => ({rule, node, observations: list, ...restart(rule, cluster, node)}));
  });
  const notEvaluated = rules.flatMap((rule): NotEvaluated[] => {
    if (rule.scope !== 'cluster' || !applies(rule, cluster)) return [];
    const missing = [...new Set((rule.cloud ?? []).flatMap((need) => unsaid(cluster, need)))];
    return missing.length === 0 ? [] : [{rule: rule.id, node: 'the cloud', missing}];
  });
  return {judged, notEvaluated};
}

/** Rules that look at one node beside the model. */
export function examineNode(view: NodeView, rules: readonly Rule[]): Examination {
  const judged: Judged[] = [];
  const notEvaluated: NotEvaluated[] = [];
  const unknown = unmodelled(view);
  if (unknown !== undefined) notEvaluated.push({rule: 'expected-state', node: view.name, missing: [unknown]});
  for (const rule of rules) {
    if (rule.scope !== 'node' || !applies(rule, view.cluster) || rule.concerns?.(view) === false) continue;
    const missing = missingFor(rule, view);
    if (missing.length > 0) {
      notEvaluated.push({rule: rule.id, node: view.name, missing});
      continue;
    }
    const unheard = [...new Set((rule.cloud ?? []).flatMap((need) => unsaid(view.cluster, need)))];
    if (unheard.length > 0) notEvaluated.push({rule: rule.id, node: 'the cloud', missing: unheard});
    const unseen = [...unseenFamilies(rule, view), ...(rule.confirms ?? []).filter((need) => !has(view, need))];
    if (unseen.length > 0) notEvaluated.push({rule: rule.id, node: view.name, missing: unseen});
    const observations = [...rule.check(view)];
    if (observations.length > 0) judged.push({rule, node: view.name, observations, ...restart(rule, view.cluster, view.name)});
  }
  return {judged, notEvaluated};
}

/** Without an expected state nothing of the node was compared, which must never look like health. */
function unmodelled({cluster, expected, self, member}: NodeView): string | undefined {
  if (expected !== undefined) return undefined;
  if (!cluster.mode) return 'the mode: no backend was recognised and no net-conf was given';
  if (!self) return 'its pod subnet or public address';
  return member.uplink ? "the mode's settings" : 'its uplink';
}

/** The address families a node's tables must have been read in: a verdict on one of them is none on the other. */
export function familiesOf({self, cluster}: Pick<NodeView, 'self' | 'cluster'>): readonly Family[] {
  const own = ([4, 6] as const).filter((family) => self && leaseOf(self, family) !== undefined);
  if (own.length > 0) return own;
  const networks = new Set(cluster.networks.map(familyOf));
  return networks.size > 0 ? [...networks] : [4];
}

/** What was read of one family is judged; of the other, it is said that it was not. */
function unseenFamilies(rule: NodeRule, view: NodeView): readonly string[] {
  const {state} = view;
  const seen = (need: Need, family: Family): boolean => {
    if (isTable(need)) return looked(state, need, family);
    return need === 'iptables' || need === 'netfilter' ? state.netfilter.iptables.has(family) : true;
  };
  return rule.needs.flatMap((need) => familiesOf(view).flatMap((family) => (seen(need, family) ? [] : [`${need} of IPv${family}`])));
}

const isTable = (need: Need): need is TableName => need in tables;

function missingFor(rule: NodeRule, view: NodeView): readonly string[] {
  const missing = rule.needs.filter((need) => !has(view, need)).map(String);
  if (rule.needsWholeCluster && !view.cluster.complete) {
    const unknown = view.cluster.members.filter((m) => !isKnown(m, view.cluster.networks)).map((m) => m.name);
    const of = view.cluster.mode?.fabric === 'addresses' ? 'the pods' : 'the lease';
    missing.push(unknown.length > 0 ? `${of} of ${unknown.join(', ')}` : 'the other nodes');
  }
  return missing;
}

function has({state}: NodeView, need: Need): boolean {
  switch (need) {
    case 'sysctl':
      return state.sysctl !== undefined;
    case 'netfilter':
      return state.netfilter.complete;
    case 'iptables':
      return state.netfilter.iptables.has(4);
    case 'nft':
      return state.netfilter.nft;
    case 'subnetEnv':
    case 'cni':
    case 'cniBin':
    case 'netConf':
      return state[need] !== undefined;
    case 'pods':
    case 'sockets':
    case 'modules':
      return state[need] !== undefined;
    default:
      return looked(state, need);
  }
}
