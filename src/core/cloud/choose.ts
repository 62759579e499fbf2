import type {Ip} from '../net/address.js';
import {contains, lengthOf} from '../net/prefix.js';
import type {Cloud, CloudEni, CloudRoute, CloudSubnet, CloudTable} from './cloud.js';

/** Who sends: by its address in the network, or by its subnet where that is known. */
export interface Sender {
  readonly address?: Ip;
  readonly subnetId?: string;
}

/**
 * What a cloud's router does with a packet. `rows`: these rows lead it on, more than one share it (ECMP); a row whose state is `blackhole`
 * swallows it. `local`: the address belongs to the network itself, and goes to the interface that holds it, no row asked. `none`: no row
 * leads there. `unknown`: the data do not say.
 */
export type Choice =
  | {readonly kind: 'rows'; readonly table: CloudTable | undefined; readonly rows: readonly CloudRoute[]}
  | {readonly kind: 'local'; readonly table: CloudTable | undefined; readonly row?: CloudRoute; readonly holder?: CloudEni}
  | {readonly kind: 'none'; readonly table: CloudTable | undefined}
  | {readonly kind: 'unknown'; readonly because: string};

/** The interface that has the address, as one of its own or within a prefix that is given to it. */
export function holderOf({enis}: Cloud, address: Ip): CloudEni | undefined {
  return (
    enis?.find((eni) => eni.addresses.some((a) => a.address === address)) ??
    enis?.find((eni) => eni.prefixes.some((prefix) => contains(prefix, address)))
  );
}

/** The subnet that an address of the network lies in: where subnets are listed the one that holds it, else that of the interface that has it. */
export function subnetOf(cloud: Cloud, address: Ip): string | undefined {
  const inside = (cloud.subnets ?? []).filter((subnet) => contains(subnet.cidr, address));
  const narrowest = inside.toSorted((a, b) => lengthOf(b.cidr) - lengthOf(a.cidr))[0];
  return narrowest?.id ?? holderOf(cloud, address)?.subnetId;
}

/** Does the row lead to the network's own addresses: Tencent's and Alibaba's local rows, AWS's `local`, GCE's subnet rows? */
export const isLocal = ({nextHop}: CloudRoute): boolean => /^(local|local_gateway|network)$/i.test(nextHop.type);

/** Are rows in this state looked at? AWS keeps one whose target is gone, and drops what it is for; GCE passes it over. */
export const isUsed = ({state, provider}: CloudRoute): boolean =>
  state === 'active' || state === 'unknown' || (state === 'blackhole' && provider !== 'gcp');

/**
 * Follows the cloud's choice of a row (model/cloud-modes.md §5.3): the table that serves the sender's subnet, else the main one; in it the
 * longest prefix, then the lowest priority. What is an address of the network itself is delivered before any row is asked, but on AWS
 * where a longer prefix than `local` wins; the rows of a network-wide table (TKE's) come before those of a subnet's.
 */
export function chosen(cloud: Cloud, sender: Sender, dst: Ip): Choice {
  const {routes} = cloud;
  const holder = holderOf(cloud, dst);
  if (routes === undefined) return {kind: 'unknown', because: 'no route tables of the cloud were given'};
  const tables = tablesOf(cloud);
  const wide = tables.filter((table) => table.wide && !table.between);
  for (const table of wide) {
    const found = inTable(cloud, sender, dst, table, holder);
    if (found.kind !== 'none') return found;
  }
  const kept = tables.filter((table) => !table.wide && !table.between);
  const served = serving(cloud, sender, kept);
  if (served.length === 0 && kept.length > 0) {
    return {kind: 'unknown', because: `${who(cloud, sender)}, and none of the tables given (${names(kept)}) serves it`};
  }
  const [first, ...others] = served.map((table) => inTable(cloud, sender, dst, table, holder));
  // A cluster whose rows stand in a table of their own alone (TKE): what the VPC's tables have was not given.
  if (first === undefined) return holder ? {kind: 'local', table: undefined, holder} : {kind: 'none', table: wide[0]};
  if (others.every((other) => sameChoice(first, other))) return first;
  return {kind: 'unknown', because: `${who(cloud, sender)}: the tables ${names(served)} lead ${dst} different ways`};
}

/** The tables of the rows, those that were listed and those that only rows name. */
export function tablesOf({routes = [], tables = []}: Cloud): readonly CloudTable[] {
  const known = new Set(tables.map((t) => t.id));
  const named = new Map(routes.filter((r) => !known.has(r.tableId)).map((r) => [r.tableId, r.provider] as const));
  return [...tables, ...[...named].map(([id, provider]): CloudTable => ({provider, id, subnets: []}))];
}

/** The subnet's own table, else the main one of its network; every table that may be meant where the subnet is not known. */
export function serving(cloud: Cloud, sender: Sender, kept: readonly CloudTable[]): readonly CloudTable[] {
  const subnetId = sender.subnetId ?? (sender.address === undefined ? undefined : subnetOf(cloud, sender.address));
  if (subnetId === undefined) return kept;
  const subnet = (cloud.subnets ?? []).find((s) => s.id === subnetId);
  const own = kept.filter((t) => t.subnets.includes(subnetId) || t.id === subnet?.tableId);
  if (own.length > 0) return own;
  const vpcId = networkOf(cloud, subnetId, subnet);
  const near = kept.filter((t) => vpcId === undefined || t.vpcId === undefined || t.vpcId === vpcId);
  const main = near.filter((t) => t.main);
  if (main.length > 0) return main;
  // Rows alone (Tencent's DescribeRoutes, Alibaba's entries) do not say whom their table serves.
  return near.filter((t) => t.subnets.length === 0 && t.main === undefined);
}

const networkOf = ({enis = []}: Cloud, subnetId: string, subnet: CloudSubnet | undefined): string | undefined =>
  subnet?.vpcId ?? enis.find((eni) => eni.subnetId === subnetId && eni.vpcId !== undefined)?.vpcId;

function inTable(cloud: Cloud, sender: Sender, dst: Ip, table: CloudTable, holder: CloudEni | undefined): Choice {
  const fitting = (cloud.routes ?? []).filter((r) => r.tableId === table.id && r.provider === table.provider && contains(r.dst, dst));
  const tagged = fitting.filter((r) => (r.tags ?? []).length > 0);
  const tags = sender.address === undefined ? undefined : holderOf(cloud, sender.address)?.tags;
  const rows = best(fitting.filter((r) => isUsed(r) && (tagged.length === 0 || carries(r, tags ?? []))));
  if (tags === undefined && tagged.some((r) => best([...rows, r]).includes(r))) {
    return {kind: 'unknown', because: `a row for ${tagged[0]!.dst} is for machines with a tag, and the sender's tags are not known`};
  }
  const ownRow = fitting.find((r) => isLocal(r) && (table.provider !== 'aws' || rows.includes(r)));
  if (ownRow) return {kind: 'local', table, row: ownRow, ...(holder && {holder})};
  // Tencent and Alibaba do not always print their local rows.
  if (holder && table.provider !== 'aws' && table.provider !== 'tke') return {kind: 'local', table, holder};
  return rows.length > 0 ? {kind: 'rows', table, rows} : {kind: 'none', table};
}

const carries = ({tags = []}: CloudRoute, own: readonly string[]): boolean => tags.length === 0 || tags.some((tag) => own.includes(tag));

/** The longest prefix, then the lowest priority; what is left shares the packets. */
function best(rows: readonly CloudRoute[]): readonly CloudRoute[] {
  const longest = Math.max(...rows.map((r) => lengthOf(r.dst)));
  const long = rows.filter((r) => lengthOf(r.dst) === longest);
  const first = Math.min(...long.map((r) => r.priority ?? 0));
  return long.filter((r) => (r.priority ?? 0) === first);
}

function sameChoice(a: Choice, b: Choice): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind !== 'rows' || b.kind !== 'rows') return true;
  const words = ({rows}: typeof a) =>
    rows
      .map((r) => `${r.dst} ${r.nextHop.type} ${r.nextHop.id} ${r.state}`)
      .toSorted()
      .join();
  return words(a) === words(b);
}

const names = (tables: readonly CloudTable[]): string => tables.map((t) => t.name ?? t.id).join(', ');

function who(cloud: Cloud, {address, subnetId}: Sender): string {
  const subnet = subnetId ?? (address === undefined ? undefined : subnetOf(cloud, address));
  return subnet === undefined ? `the subnet of ${address ?? 'the sender'} is not known` : `the sender is in ${subnet}`;
}
