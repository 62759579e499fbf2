import {isLocal, isUsed, serving, tablesOf} from '../cloud/choose.js';
import type {Cloud, CloudRoute, CloudTable} from '../cloud/cloud.js';
import type {Cluster, Member} from '../model/cluster.js';
import type {Ip, Prefix} from '../net/address.js';
import {tryIp} from '../net/address.js';
import {contains, lengthOf, overlaps} from '../net/prefix.js';
import type {Evidence} from './rule.js';
import {type Token, token} from './token.js';

/** What the rules about a cloud's route tables share: which tables serve whom, and what each has for each node's part (cloud-modes.md §5). */

/** A node's part of the pod network. The backends that have rows in a cloud write them for IPv4. */
export interface Part {
  readonly member: Member;
  readonly node: string;
  readonly subnet: Prefix;
  /** The node's own address in the cloud's network. */
  readonly address?: Ip;
}

/** A table, and the nodes whose packets are looked up in it. */
export interface Lookup {
  readonly table: CloudTable;
  readonly senders: readonly string[];
}

interface Lookups {
  readonly lookups: readonly Lookup[];
  /** The tables that may have to do with the cluster. */
  readonly tables: readonly CloudTable[];
  /** Nodes of which the data do not say which table serves them. */
  readonly unclear: readonly string[];
}

export const partsOf = ({members}: Cluster): readonly Part[] =>
  members.flatMap((member): Part[] => {
    const subnet = member.lease?.subnet;
    const address = addressOf(member);
    return subnet === undefined ? [] : [{member, node: member.name, subnet, ...(address !== undefined && {address})}];
  });

/** Kubernetes' InternalIP before what flannel published, which may be an address that the cloud translates. */
export const addressOf = ({record, lease, addresses, survey, uplink}: Member): Ip | undefined => {
  const internal = record?.addresses?.find((a) => a.type === 'InternalIP' && tryIp(a.address) !== undefined && !a.address.includes(':'));
  return (
    internal?.address ??
    survey.addresses.find((a) => a.family === 4 && a.dev === uplink?.name)?.address ??
    addresses?.find((a) => !a.includes(':')) ??
    lease?.publicIP
  );
};

const known = new WeakMap<Cluster, Lookups>();

export function lookupsOf(cluster: Cluster): Lookups {
  const held = known.get(cluster);
  if (held) return held;
  const made = find(cluster);
  known.set(cluster, made);
  return made;
}

function find(cluster: Cluster): Lookups {
  const {cloud} = cluster;
  if (cloud?.routes === undefined) return {lookups: [], tables: [], unclear: []};
  const tables = relevant(cluster, cloud);
  const all = cluster.members.map((m) => m.name);
  const wide = tables.filter((t) => t.wide);
  if (wide.length > 0) return {lookups: wide.map((table) => ({table, senders: all})), tables, unclear: []};
  const served = new Map<CloudTable, string[]>();
  const unclear: string[] = [];
  for (const member of cluster.members) {
    const address = addressOf(member);
    const found = address === undefined ? tables : serving(cloud, {address}, tables);
    const [only] = found;
    if (only === undefined || found.length > 1) unclear.push(member.name);
    else served.set(only, [...(served.get(only) ?? []), member.name]);
  }
  return {lookups: [...served].map(([table, senders]) => ({table, senders})), tables, unclear};
}

/** Global Router's rows stand in the table of its cluster, those of others in the tables of the VPC that the nodes are in. */
function relevant(cluster: Cluster, cloud: Cloud): readonly CloudTable[] {
  const parts = partsOf(cluster);
  const tables = tablesOf(cloud).filter((t) => !t.between);
  if (cluster.mode?.ownTable) {
    const own = tables.filter((t) => t.provider === 'tke' || t.provider === 'own');
    const about = own.filter(
      (t) =>
        parts.some((p) => t.cidr !== undefined && contains(t.cidr, p.subnet)) ||
        rowsIn(cloud, t).some((r) => r.nextHop.node !== undefined || parts.some((p) => p.subnet === r.dst)),
    );
    return about.length > 0 || own.length > 1 ? about : own;
  }
  const vpcs = new Set((cloud.enis ?? []).flatMap((e) => (e.node === undefined || e.vpcId === undefined ? [] : [e.vpcId])));
  const near = tables.filter((t) => t.vpcId === undefined || vpcs.size === 0 || vpcs.has(t.vpcId));
  const narrow = near.filter((t) => !t.wide);
  return narrow.length > 0 ? narrow : near;
}

export const rowsIn = ({routes = []}: Cloud, {id, provider}: CloudTable): readonly CloudRoute[] =>
  routes.filter((r) => r.tableId === id && r.provider === provider);

/** What a table has for a part. */
export type Found =
  | {readonly kind: 'good' | 'disabled' | 'wrong' | 'several' | 'foreign'; readonly rows: readonly CloudRoute[]}
  /** `rows`: the one that takes the packets instead, if any. */
  | {readonly kind: 'missing'; readonly rows: readonly CloudRoute[]};

/** Does the row lead to a machine? To anything else (NAT, CCN, VPN, a peering) packets for pods never go. */
export const isMachine = ({nextHop}: CloudRoute): boolean =>
  nextHop.node !== undefined || /^(NORMAL_CVM|GatewayIp|Instance|NetworkInterface|ip|node)$/i.test(nextHop.type);

export function foundFor(cloud: Cloud, {node, subnet}: Part, table: CloudTable): Found {
  const rows = rowsIn(cloud, table).filter((r) => !isLocal(r));
  const exact = rows.filter((r) => r.dst === subnet);
  const first = lowest(exact.filter((r) => isUsed(r) && r.state !== 'blackhole'));
  if (first.length === 0 && exact.length > 0) return {kind: 'disabled', rows: exact};
  if (first.some((r) => !isMachine(r))) return {kind: 'foreign', rows: first.filter((r) => !isMachine(r))};
  const targets = new Set(first.map((r) => r.nextHop.node ?? `${r.nextHop.type} ${r.nextHop.id}`));
  if (targets.size > 1) return {kind: 'several', rows: first};
  if (first.length > 0) return {kind: first[0]!.nextHop.node === node ? 'good' : 'wrong', rows: first};
  const wider = rows
    .filter((r) => isUsed(r) && r.dst !== subnet && contains(r.dst, subnet))
    .toSorted((a, b) => lengthOf(b.dst) - lengthOf(a.dst));
  const covering = wider.filter((r) => lengthOf(r.dst) === lengthOf(wider[0]!.dst));
  const leads = covering.length > 0 && covering.every((r) => r.nextHop.node === node);
  return {kind: leads ? 'good' : 'missing', rows: covering};
}

const lowest = (rows: readonly CloudRoute[]): readonly CloudRoute[] => {
  const first = Math.min(...rows.map((r) => r.priority ?? 0));
  return rows.filter((r) => (r.priority ?? 0) === first);
};

/** Each part in each table that serves other nodes than its own, with what is found there. */
export function* partsInTables(cluster: Cluster): Generator<{part: Part; table: CloudTable; senders: readonly string[]; found: Found}> {
  const {cloud} = cluster;
  if (cloud === undefined) return;
  for (const {table, senders} of lookupsOf(cluster).lookups) {
    for (const part of partsOf(cluster)) {
      const others = senders.filter((s) => s !== part.node);
      if (others.length > 0) yield {part, table, senders: others, found: foundFor(cloud, part, table)};
    }
  }
}

/** Another table of the network that has the part's row right: then it was written, and into the wrong table. */
export const goodElsewhere = (cluster: Cluster, part: Part, not: CloudTable): CloudTable | undefined =>
  lookupsOf(cluster).tables.find((t) => t !== not && foundFor(cluster.cloud!, part, t).kind === 'good');

export const rowText = ({dst, nextHop, state, priority}: CloudRoute): string =>
  `${dst} → ${nextHop.type} ${nextHop.id}${nextHop.node === undefined ? '' : ` (${nextHop.node})`}${priority === undefined ? '' : ` priority ${priority}`}, ${state}`;

export const tableName = ({id, name}: CloudTable): string => (name === undefined || name === '' ? id : `${id} (${name})`);

/** Rows of the cloud as evidence of a finding about a node. */
export const cloudRows = ({cloud}: Cluster, node: string, rows: readonly CloudRoute[], otherwise = ''): Evidence => ({
  node,
  command: cloud?.sources.routes?.from ?? "the cloud's route tables",
  lines: rows.length === 0 ? [otherwise] : rows.map(rowText),
  ...(rows.length > 0 && {raw: rows.map((r) => r.raw)}),
});

/** What is broken for these senders when a part cannot be reached through the cloud. */
export const waysTo = (node: string, senders: readonly string[]): readonly Token[] => senders.map((s) => token.route(s, node));

export const few = (names: readonly string[]): string =>
  names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');

/** The pod network as far as it is known: what rows inside it are the cluster's. */
export const networksOf = (cluster: Cluster): readonly Prefix[] => {
  const cidrs = lookupsOf(cluster).tables.flatMap((t) => t.cidr ?? []);
  return [...new Set([...cluster.networks, ...cidrs])].filter((n) => !n.includes(':'));
};

/** What the cloud says is its network's own: local rows, and the subnets that were listed. */
export const ownNetworks = (cluster: Cluster): readonly {readonly prefix: Prefix; readonly what: string; readonly raw: unknown}[] => {
  const {cloud} = cluster;
  const {tables} = lookupsOf(cluster);
  return [
    ...(cloud?.routes ?? [])
      .filter((r) => isLocal(r) && tables.some((t) => t.id === r.tableId))
      .map((r) => ({prefix: r.dst, what: `${r.dst} of the network itself`, raw: r.raw})),
    ...(cloud?.subnets ?? []).map((s) => ({prefix: s.cidr, what: `the subnet ${s.id}, ${s.cidr}`, raw: s})),
  ].filter((own, i, list) => list.findIndex((o) => overlaps(o.prefix, own.prefix) && o.prefix === own.prefix) === i);
};
