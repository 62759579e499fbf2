import type {PodRecord} from '../flannel/records.js';
import type {Link} from '../kernel/link.js';
import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import type {Ip, Prefix} from '../net/address.js';
import {baseOf, contains, tryPrefix} from '../net/prefix.js';
import {isBridge} from './pod-bridge.js';
import {isVethEnd, type PodEnd, podEnds, podLike} from './pod-ends.js';
import {podVethName} from './pod-veth-name.js';
import type {NodeState} from './state.js';

/**
 * How a pod hangs on its node (model/cloud-modes.md §7): on a bridge; by a veth with a host route, and rules that lead its packets to the
 * table of its network interface (`policy`), or without such a table since that interface is the node's first (`policy-primary`); with a
 * network interface of its own (`exclusive`), on Terway with a veth beside it (`exclusive-veth`); by a veth and a host route alone (`ptp`).
 */
export type AttachmentKind = 'bridge' | 'policy' | 'policy-primary' | 'exclusive' | 'exclusive-veth' | 'ptp';

/** What tells of a pod: its namespace, the API server, the node's route to it, the rule to it, the rule from it. */
export type AttachmentSign = 'pod' | 'record' | 'route' | 'to-rule' | 'from-rule';

/** One pod of a node, as the node's own tables, the pod's namespace and flannel's records show it. */
export interface Attachment {
  readonly kind: AttachmentKind;
  readonly address: Ip;
  /** Whatever tells of it; rules alone do so only where neither namespaces nor records were read. */
  readonly by: readonly AttachmentSign[];
  /** The pod's namespace as it was gathered; absent where only the node's tables speak of it. */
  readonly pod?: string;
  /** The interface in the pod that holds the address. */
  readonly eth?: string;
  /** `namespace/name`, where records have it. */
  readonly record?: string;
  /** The node's end of its interface. */
  readonly veth?: string;
  /** The bridge that it is on, or whose network its address is of. */
  readonly bridge?: string;
  /** The table that its packets are led to, and the device of that table's default route: its network interface. */
  readonly table?: string;
  readonly eni?: string;
}

const width = (address: Ip): 32 | 128 => (address.includes(':') ? 128 : 32);
const isHost = (prefix: Prefix): boolean => prefix.endsWith(prefix.includes(':') ? '/128' : '/32');

/**
 * A rule that leads packets to one address into main: 512 of all three products. VPN clients have such rules too, with numbers far behind
 * those that lead from pods.
 */
export const isToPodRule = (rule: Rule): boolean =>
  rule.priority < 1024 && rule.dst !== undefined && isHost(rule.dst) && rule.src === undefined && plain(rule) && rule.table === 'main';

/** A rule that leads packets from one address into a table of its own (1536, Terway 2048); older ones of AWS say where to, too. */
export const isFromPodRule = (rule: Rule): boolean =>
  rule.priority >= 1024 &&
  rule.priority < 4096 &&
  rule.src !== undefined &&
  isHost(rule.src) &&
  plain(rule) &&
  rule.table !== undefined &&
  !['main', 'local', 'default'].includes(rule.table);

const plain = (rule: Rule): boolean =>
  rule.action === 'lookup' && rule.not !== true && rule.iif === undefined && rule.oif === undefined && rule.fwmark === undefined;

/** `P dev V(P) scope link` in main: a host route without a gateway into something that a pod can be behind. */
export function isPodRoute(route: Route, links: ReadonlyMap<string, Link> | undefined): boolean {
  // A node may have thousands of routes to its peers: those are told by the cheapest question.
  if (route.gateway !== undefined || route.dev === undefined || route.nexthops !== undefined) return false;
  if (route.table !== 'main' || route.type !== 'unicast' || !isHost(route.dst)) return false;
  const link = links?.get(route.dev);
  return link === undefined ? links === undefined && podLike.test(route.dev) : link.master === undefined && isVethEnd(link);
}

/** A pod's interface, and another one that leads to the node where this one does not. */
type Inside = Omit<PodEnd, 'addresses'> & {readonly besides?: Link};

const known = new WeakMap<NodeState, readonly Attachment[]>();

/** The pods of a node and how each hangs on it; `pods` are those that the API server has on it. Its own addresses are none of theirs. */
export function attachmentsOf(state: NodeState, pods: readonly PodRecord[] = []): readonly Attachment[] {
  const kept = pods.length === 0 ? known.get(state) : undefined;
  if (kept) return kept;
  const made = make(state, pods);
  if (pods.length === 0) known.set(state, made);
  return made;
}

function make(state: NodeState, records: readonly PodRecord[]): readonly Attachment[] {
  const {tables} = state;
  const links = tables.link && new Map(tables.link.map((link) => [link.ifname, link]));
  const own = new Set((tables.address ?? []).map((a) => a.local));
  const routes = new Map<Ip, Route>();
  for (const route of tables.route ?? []) if (isPodRoute(route, links) && !own.has(baseOf(route.dst))) routes.set(baseOf(route.dst), route);
  const [to, from] = [new Map<Ip, Rule>(), new Map<Ip, Rule>()];
  for (const rule of tables.rule ?? []) {
    // Of several the one that is asked first.
    if (isToPodRule(rule) && !own.has(baseOf(rule.dst!)) && !to.has(baseOf(rule.dst!))) to.set(baseOf(rule.dst!), rule);
    if (isFromPodRule(rule) && !own.has(baseOf(rule.src!)) && !from.has(baseOf(rule.src!))) from.set(baseOf(rule.src!), rule);
  }
  const inside = insides(state);
  const recorded = new Map(
    records.flatMap((pod) =>
      pod.hostNetwork || (pod.phase !== 'Running' && pod.phase !== 'Pending') ? [] : pod.ips.map((ip) => [ip, pod] as const),
    ),
  );
  const nets = bridgeNets(state);
  const policy = to.size > 0 || from.size > 0;
  const marked = (tables.rule ?? []).some(isConnmarkRule);
  const certain = inside.size > 0 || recorded.size > 0;
  const addresses = new Set([...inside.keys(), ...recorded.keys()]);
  for (const [address, route] of routes) if (!certain || addresses.has(address) || !isLeft(route, links)) addresses.add(address);
  if (!certain) for (const address of [...to.keys(), ...from.keys()]) addresses.add(address);
  return [...addresses].flatMap((address): Attachment[] => {
    const pod = inside.get(address);
    const record = recorded.get(address);
    const route = routes.get(address);
    const toRule = to.get(address);
    const fromRule = from.get(address);
    const named = record && [...'eni,cali'.split(',')].map((p) => podVethName(p, record.namespace, record.name)).find((n) => links?.has(n));
    const veth = pod?.host?.ifname ?? route?.dev ?? named;
    const net = nets.find((n) => contains(n.prefix, address));
    const bridge = links?.get(veth ?? '')?.master ?? net?.dev;
    const kind = kindOf();
    if (kind === undefined) return [];
    const by: AttachmentSign[] = [];
    if (pod) by.push('pod');
    if (record) by.push('record');
    if (route) by.push('route');
    if (toRule) by.push('to-rule');
    if (fromRule) by.push('from-rule');
    const table = fromRule?.table;
    const eni = table === undefined ? undefined : defaultOf(state, table, width(address))?.dev;
    return [
      {
        kind,
        address,
        by,
        ...(pod && {pod: pod.pod.name, eth: pod.eth.ifname}),
        ...(record && {record: `${record.namespace}/${record.name}`}),
        ...(veth !== undefined && {veth}),
        ...(kind === 'bridge' && bridge !== undefined && {bridge}),
        ...(table !== undefined && {table}),
        ...(eni !== undefined && {eni}),
      },
    ];

    function kindOf(): AttachmentKind | undefined {
      if (toRule || fromRule) return fromRule === undefined && marked ? 'policy-primary' : 'policy';
      if (veth !== undefined && links?.get(veth)?.master !== undefined) return 'bridge';
      if (pod && pod.host === undefined && tables.link !== undefined && isOutside(pod, net !== undefined))
        return pod.besides ? 'exclusive-veth' : 'exclusive';
      if (net !== undefined && !route) return 'bridge';
      if (route || veth !== undefined) return policy ? 'policy' : 'ptp';
      // The API server has it here, and nothing on the node or in its links leads to it.
      if (record && tables.link !== undefined && tables.route !== undefined && tables.rule !== undefined) return 'exclusive';
      return undefined;
    }
  });
}

/** Its interface has no end on the node: a network interface of the cloud, or in a lab the end of a veth that the fabric holds. */
const isOutside = ({eth}: Inside, ofBridge: boolean): boolean => eth.kind === undefined || eth.kind !== 'veth' || !ofBridge;

/** A route that nothing is behind any more. */
const isLeft = (route: Route, links: ReadonlyMap<string, Link> | undefined): boolean =>
  route.flags.includes('linkdown') || route.flags.includes('dead') || links?.get(route.dev ?? '')?.flags.includes('NO-CARRIER') === true;

/** Table main by its name, or as it is where no name was given. */
export const isMain = (table: string | undefined): boolean => table === undefined || table === 'main' || table === '254';

/** AWS, `fwmark 0x80/0x80`: answers to what came in by the first interface leave by it. */
export const isConnmarkRule = (rule: Rule): boolean => rule.fwmark === 0x80 && rule.fwmask === 0x80 && isMain(rule.table);

/** The default route of a table; of several the one that is taken. */
export function defaultOf(state: NodeState, table: string, bits: 32 | 128): Route | undefined {
  const any = bits === 32 ? '0.0.0.0/0' : '::/0';
  return (state.tables.route ?? [])
    .filter((r) => r.table === table && r.dst === any && r.type === 'unicast')
    .toSorted((a, b) => a.metric - b.metric)[0];
}

/** The networks that the node's bridges are in. */
function bridgeNets(state: NodeState): readonly {readonly dev: string; readonly prefix: Prefix}[] {
  const masters = new Set((state.tables.link ?? []).flatMap((l) => l.master ?? []));
  const of = new Map((state.tables.link ?? []).map((l) => [l.ifname, l]));
  const bridge = (dev: string): boolean => isBridge(dev, of.get(dev), masters);
  const addressed = (state.tables.address ?? []).flatMap((a) => {
    const prefix =
      a.scope === 'global' && a.prefixlen < width(a.local) && bridge(a.dev) ? tryPrefix(`${a.local}/${a.prefixlen}`) : undefined;
    return prefix === undefined ? [] : [{dev: a.dev, prefix}];
  });
  const routed = (state.tables.route ?? []).flatMap((r) =>
    r.gateway === undefined && r.dev !== undefined && r.table === 'main' && r.type === 'unicast' && !isHost(r.dst) && bridge(r.dev)
      ? [{dev: r.dev, prefix: r.dst}]
      : [],
  );
  return [...addressed, ...routed];
}

/** Every address in a pod's namespace with its interface, and the node's end of that. */
function insides(state: NodeState): ReadonlyMap<Ip, Inside> {
  const ends = podEnds(state);
  const found = new Map<Ip, Inside>();
  for (const {addresses, ...end} of ends) {
    const besides = end.host ? undefined : ends.find((e) => e.pod === end.pod && e.eth !== end.eth && e.host !== undefined)?.eth;
    for (const {local} of addresses) found.set(local, {...end, ...(besides && {besides})});
  }
  return found;
}
