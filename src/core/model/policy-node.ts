import type {CloudEni} from '../cloud/cloud.js';
import type {Link} from '../kernel/link.js';
import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import type {Ip, Prefix} from '../net/address.js';
import {isConnmarkRule, isMain} from '../node/attachment.js';
import {isVethEnd, type PodEnd, podEnds} from '../node/pod-ends.js';
import type {PodState} from '../node/state.js';
import type {NodeView} from './view.js';

/**
 * A node whose pods have addresses of the cloud's network interfaces, and whose rules lead their packets (model/cloud-modes.md §2): seen so
 * that one row that is gone takes nothing else out of sight. IPv4, as all three implementations.
 */
export interface PolicyNode {
  /** Pods whose packets rules lead. */
  readonly pods: readonly PolicyPod[];
  /** Addresses with rows of such a pod, where no pod of this node is known to have it. */
  readonly others: readonly PolicyRows[];
  /** Priorities as this node uses them: 512, and 1536 or 2048. */
  readonly toPriority: number;
  readonly fromPriority: number;
  /** Tables that pods' packets are led to, or that hold a default route over an interface that is not the node's own. */
  readonly tables: readonly EniTable[];
  /** The interface of the node's own address. */
  readonly uplink: string | undefined;
  /** Pods of the node's first interface have no table (AWS), so that a missing rule says nothing. */
  readonly mayBePrimary: boolean;
  /** Namespaces with a pod in them were looked at. */
  readonly looked: boolean;
}

/** What the node's tables have of one address. */
export interface PolicyRows {
  readonly address: Ip;
  /** `to P lookup main`. */
  readonly to: readonly Rule[];
  /** `from P lookup T`, also where it names a network that it goes to. */
  readonly from: readonly Rule[];
  /** `P dev V` in main. */
  readonly host: readonly Route[];
}

export interface PolicyPod extends PolicyRows {
  /** As gathered. */
  readonly pod?: PodState;
  readonly eth?: Link;
  /** `namespace/name`, where records have it. */
  readonly record?: string;
  /** The node's end: by the indexes where the pod was gathered, else by its host route. */
  readonly veth?: Link;
  /** Its interface: as the cloud says, else the one its rule leads to, else the only one that there is. */
  readonly eni?: {readonly dev: string; readonly by: 'cloud' | 'rule' | 'only'};
}

/** A table of a network interface. */
export interface EniTable {
  readonly table: string;
  readonly rows: readonly Route[];
  /** Its default route, unicast. */
  readonly gateway?: Route;
  /** Pods whose `from` rule looks into it. */
  readonly pods: readonly Ip[];
}

/** Pods' gateway that nobody has: a permanent neighbour makes it the node's end of the pod's veth. */
export const nowhere: Ip = '169.254.1.1';

const kernels: ReadonlySet<string> = new Set(['local', 'main', 'default', '255', '254', '253']);
const hostIn = (prefix: Prefix | undefined): Ip | undefined => (prefix?.endsWith('/32') ? prefix.slice(0, -3) : undefined);
const fromPriorities: ReadonlySet<number> = new Set([1536, 2048]);

/** A pod's interface with its IPv4 addresses. */
type Gathered = Omit<PodEnd, 'addresses'> & {readonly addresses: readonly Ip[]};

const known = new WeakMap<NodeView, PolicyNode | 'none'>();

/** The node as one of policy routing; undefined where nothing of it shows. */
export function policyNode(view: NodeView): PolicyNode | undefined {
  let made = known.get(view);
  if (made === undefined) {
    made = find(view) ?? 'none';
    known.set(view, made);
  }
  return made === 'none' ? undefined : made;
}

function find(view: NodeView): PolicyNode | undefined {
  const {state, cluster} = view;
  const {rule: rules = [], route: routes = [], link: links = []} = state.tables;
  const plain = rules.filter((r) => r.family === 4 && r.action === 'lookup' && !r.not && r.iif === undefined && r.fwmark === undefined);
  const to = plain.filter((r) => isMain(r.table) && r.src === undefined && hostIn(r.dst) !== undefined && r.priority > 0);
  const from = plain.filter((r) => !kernels.has(r.table ?? 'main') && hostIn(r.src) !== undefined && isPodRule(r, view));
  const pinned = (state.pods ?? []).filter(hasNowhere);
  if (to.every((r) => r.priority !== 512) && !from.some((r) => fromPriorities.has(r.priority)) && pinned.length === 0) return undefined;
  const byName = new Map(links.map((l) => [l.ifname, l]));
  const isPort = (dev: string | undefined): boolean => {
    const link = dev === undefined ? undefined : byName.get(dev);
    return link === undefined
      ? /^(eni|cali)[0-9a-f]{11}$/.test(dev ?? '')
      : link.kind !== 'bridge' && link.master === undefined && (link.kind !== undefined || isVethEnd(link));
  };
  const host = routes.filter(
    (r) =>
      r.family === 4 && r.type === 'unicast' && isMain(r.table) && r.gateway === undefined && hostIn(r.dst) !== undefined && isPort(r.dev),
  );
  const rowsOf = (address: Ip): PolicyRows => ({
    address,
    to: to.filter((r) => hostIn(r.dst) === address),
    from: from.filter((r) => hostIn(r.src) === address),
    host: host.filter((r) => hostIn(r.dst) === address),
  });
  const own = new Set((state.tables.address ?? []).map((a) => a.local));
  const uplink = uplinkOf(view);
  const tables = tablesOf(routes, from, uplink, isPort);
  const enis = [...new Set(tables.flatMap((t) => (t.gateway?.dev === undefined ? [] : [t.gateway.dev])))];
  const gathered = podEnds(state).flatMap((end): Gathered[] => {
    const addresses = end.addresses.flatMap((a) => (a.family === 4 ? [a.local] : []));
    return addresses.length === 0 ? [] : [{...end, addresses}];
  });
  const recorded = new Map(
    (cluster.records?.pods ?? []).flatMap((p) =>
      p.hostNetwork || p.phase !== 'Running' || p.node !== (view.member.record?.name ?? view.name)
        ? []
        : p.ips.map((ip) => [ip, `${p.namespace}/${p.name}`] as const),
    ),
  );
  const mayBePrimary = rules.some((r) => r.family === 4 && isConnmarkRule(r)) || cluster.mode?.pods?.onPrimary === true;
  const made = (address: Ip, end?: Gathered): PolicyPod => {
    const rows = rowsOf(address);
    const record = recorded.get(address);
    const routed = byName.get(rows.host[0]?.dev ?? '');
    const veth = end?.host ?? (end === undefined ? routed : undefined);
    const eni = eniOf(address, rows, tables, enis, links, cluster.cloud?.enis, mayBePrimary);
    return {
      ...rows,
      ...(end && {pod: end.pod, eth: end.eth}),
      ...(record !== undefined && {record}),
      ...(veth && {veth}),
      ...(eni && {eni}),
    };
  };
  const pods = new Map<Ip, PolicyPod>();
  for (const end of gathered) {
    // Bridged pods, and those that have the interface itself, are led by no rule.
    if (!isVethEnd(end.eth) || (end.host !== undefined && end.host.master !== undefined)) continue;
    if (!isLed(end, end.addresses.map(rowsOf))) continue;
    for (const address of end.addresses) pods.set(address, made(address, end));
  }
  const seen = new Set(gathered.flatMap((e) => e.addresses));
  const candidates = [...to.map((r) => hostIn(r.dst)), ...from.map((r) => hostIn(r.src)), ...host.map((r) => hostIn(r.dst))];
  const others: PolicyRows[] = [];
  for (const address of new Set(candidates)) {
    if (address === undefined || seen.has(address) || own.has(address)) continue;
    const rows = rowsOf(address);
    // A device that is there and up speaks for a pod that was not looked into.
    const served = rows.host.some((r) => byName.get(r.dev ?? '')?.flags.includes('LOWER_UP'));
    const kinds = [rows.to, rows.from, rows.host].filter((list) => list.length > 0).length;
    const here = recorded.has(address) || (cluster.records?.pods === undefined && served && kinds > 1);
    if (here) pods.set(address, made(address));
    else if (rows.host.length > 0 || kinds > 1 || rows.to.some((r) => r.priority === 512) || rows.from.length > 0) others.push(rows);
  }
  for (const address of recorded.keys())
    if (!seen.has(address) && !pods.has(address) && isOfEni(address, cluster.cloud?.enis, view)) pods.set(address, made(address));
  const usual = from.map((r) => r.priority).filter((p) => fromPriorities.has(p));
  return {
    pods: [...pods.values()],
    others,
    toPriority: 512,
    fromPriority: usual[0] ?? cluster.mode?.pods?.priorities?.from ?? 1536,
    tables,
    uplink,
    mayBePrimary,
    looked: state.pods !== undefined,
  };
}

/** AWS keeps a rule for an interface's own address too (32765), which is no pod's. */
const isPodRule = (rule: Rule, {state}: NodeView): boolean =>
  rule.priority < 32_000 && !(state.tables.address ?? []).some((a) => a.local === hostIn(rule.src));

/** In the pod its gateway is 169.254.1.1, pinned; Calico has it too, learnt by proxy ARP. */
const hasNowhere = (pod: PodState): boolean =>
  (pod.tables.neigh ?? []).some((n) => n.dst === nowhere && n.state.includes('PERMANENT')) &&
  (pod.tables.route ?? []).some((r) => r.gateway === nowhere);

/** Does anything of the pod or of the node say that rules lead its packets? Else it is a bridge's whose port is off, or has an interface of its own. */
const isLed = ({pod}: Gathered, rows: readonly PolicyRows[]): boolean =>
  pod.tables.route === undefined ||
  pod.tables.route.length === 0 ||
  pod.tables.route.some((r) => r.gateway === nowhere || r.dst === `${nowhere}/32`) ||
  (pod.tables.neigh ?? []).some((n) => n.dst === nowhere) ||
  rows.some(({to, from, host}) => to.length + from.length + host.length > 0);

/** The interface that holds the node's own address: not one that only pods' tables use. */
function uplinkOf({state, member}: NodeView): string | undefined {
  if (member.uplink) return member.uplink.name;
  const defaults = (state.tables.route ?? []).filter((r) => r.family === 4 && isMain(r.table) && r.dst === '0.0.0.0/0');
  return defaults.toSorted((a, b) => a.metric - b.metric)[0]?.dev;
}

function tablesOf(
  routes: readonly Route[],
  from: readonly Rule[],
  uplink: string | undefined,
  isPort: (dev: string | undefined) => boolean,
): readonly EniTable[] {
  const made = (table: string): EniTable => {
    const rows = routes.filter((r) => r.family === 4 && r.table === table);
    const gateway = rows.find((r) => r.dst === '0.0.0.0/0' && r.type === 'unicast' && r.dev !== undefined);
    const pods = [...new Set(from.flatMap((r) => (r.table === table ? [hostIn(r.src)!] : [])))];
    return {table, rows, ...(gateway && {gateway}), pods};
  };
  const looked = from.map((r) => r.table!);
  // In the lab an interface of the cloud is a veth too.
  const isNic = (dev: string | undefined): boolean => !isPort(dev) || /^(eth|ens|enp|enX)\d/.test(dev ?? '');
  const held = routes.flatMap((r) =>
    r.family === 4 && !kernels.has(r.table) && r.dst === '0.0.0.0/0' && r.type === 'unicast' && r.dev !== uplink && isNic(r.dev)
      ? [r.table]
      : [],
  );
  return [...new Set([...looked, ...held])].map(made);
}

/** By whose hardware address the cloud means a device of this node. */
export const deviceOf = (links: readonly Link[], eni: CloudEni): string | undefined =>
  eni.mac === undefined ? undefined : links.find((l) => l.address === eni.mac && l.master === undefined)?.ifname;

function eniOf(
  address: Ip,
  {from}: PolicyRows,
  tables: readonly EniTable[],
  enis: readonly string[],
  links: readonly Link[],
  cloud: readonly CloudEni[] | undefined,
  mayBePrimary: boolean,
): PolicyPod['eni'] {
  const holder = cloud?.find((e) => e.addresses.some((a) => a.address === address));
  const stated = holder && deviceOf(links, holder);
  if (stated !== undefined) return {dev: stated, by: 'cloud'};
  const led = tables.find((t) => t.table === from[0]?.table)?.gateway?.dev;
  if (led !== undefined && enis.includes(led)) return {dev: led, by: 'rule'};
  const [only] = enis;
  return enis.length === 1 && only !== undefined && !(mayBePrimary && from.length === 0) ? {dev: only, by: 'only'} : undefined;
}

const isOfEni = (address: Ip, enis: readonly CloudEni[] | undefined, {name}: NodeView): boolean =>
  (enis ?? []).some((e) => e.node === name && e.addresses.some((a) => a.address === address && !a.primary));
