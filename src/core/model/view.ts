import type {Lease} from '../flannel/lease.js';
import {lookup} from '../forwarding/lookup.js';
import type {Fdb} from '../kernel/fdb.js';
import type {Route} from '../kernel/route.js';
import type {XfrmPolicy} from '../kernel/xfrm.js';
import type {Expected, Mode, Settings, Want} from '../modes/mode.js';
import {flannelReqid} from '../modes/tunnel-weight.js';
import type {Mac, Prefix} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {podBridge} from '../node/pod-bridge.js';
import {looked, type NodeState} from '../node/state.js';
import type {Cluster, Member} from './cluster.js';
import {type Change, type Changes, diff} from './diff.js';
import {fabricRoutes, podRules} from './pod-routing.js';
import {attachmentsIn} from './pods-of-node.js';

/** One node: what it has beside what it should have. Rules look at nothing else. */
export interface NodeView {
  readonly cluster: Cluster;
  readonly member: Member;
  readonly name: string;
  readonly state: NodeState;
  readonly self?: Lease;
  readonly peers: readonly Lease[];
  /** The name of the pods' bridge: cni0 unless the CNI configuration or the node's addresses say otherwise. */
  readonly bridge: string;
  /** Undefined when the node's lease or the cluster's mode is not known. */
  readonly expected?: Expected;
  /** Only for tables that were read. */
  readonly changes: Changes;
}

/** Joins a node's tables with the model. */
export function view(cluster: Cluster, state: NodeState): NodeView {
  const member = memberNamed(cluster, state.name);
  // A node may be of a mode of its own where no flannel runs: one with Global Router, the next with addresses of the VPC.
  const mode = member.mode?.foreign === true && cluster.mode?.foreign === true ? member.mode : cluster.mode;
  const {settings} = cluster;
  const self = member.lease;
  // A lease of another type is ignored by flanneld, not removed (flannel-backends.md §9.1); what such a pair uses is judged by its own rule.
  const peers = cluster.members.flatMap((m) => (m.lease && m.name !== state.name ? [m.lease] : []));
  const bridge = podBridge(state);
  const base = {cluster, member, name: state.name, state, ...(self && {self}), peers, bridge};
  if (!mode || !settings) return {...base, changes: {}};
  if (mode.foreign) return withoutFlannel(base, mode, settings);
  if (!self || !member.uplink) return {...base, changes: {}};
  const wanted = mode.expect({
    settings,
    self,
    peers,
    uplink: member.uplink,
    networks: cluster.networks,
    adjacent(address) {
      const found = lookup(state, {dst: address});
      if (found.kind === 'unknown') return undefined;
      return (
        found.kind === 'route' && found.route.gateway === undefined && found.route.type === 'unicast' && found.route.nexthops === undefined
      );
    },
  });
  // Without its routes and without a configuration nobody knows whether this node uses DirectRouting, and so which rows it needs.
  const open = cluster.configuredBy === 'derived' ? ([4, 6] as const).filter((f) => !looked(state, 'route', f)) : [];
  const doubt = <Row>(wants: readonly Want<Row>[]): readonly Want<Row>[] =>
    open.length === 0 ? wants : wants.map((w) => (open.includes(w.family) ? {...w, tolerated: true} : w));
  const doubted: Expected = {...wanted, neigh: doubt(wanted.neigh), fdb: doubt(wanted.fdb)};
  // flanneld writes nothing for a peer that its records do not have, and takes nothing away either.
  const expected = tolerating(doubted, new Set(peers.flatMap((p) => (p.unpublished ? [p.node] : []))));
  const devices = new Set(mode.devices(settings).map((d) => d.name));
  const ours = (dev: string | undefined) => dev !== undefined && devices.has(dev);
  const families = ([4, 6] as const).filter((f) => (f === 4 ? self.subnet : self.ipv6Subnet) !== undefined);
  const seen = (table: 'route' | 'neigh') => families.filter((f) => looked(state, table, f));
  const whole = new Set(expected.route.flatMap(({row}) => (cluster.networks.includes(row.dst) ? [row.dst] : [])));
  const changes: Changes = {
    ...(looked(state, 'link') && {
      link: diff(
        'link',
        expected.link,
        (state.tables.link ?? []).filter((l) => ours(l.ifname)),
      ),
    }),
    ...(looked(state, 'address') && {
      address: diff(
        'address',
        expected.address,
        (state.tables.address ?? []).filter((a) => ours(a.dev) && a.scope === 'global'),
      ),
    }),
    ...(seen('route').length > 0 && {
      route: diff(
        'route',
        expected.route.filter((w) => looked(state, 'route', w.family)),
        (state.tables.route ?? []).filter((r) => ownsRoute(cluster, self, bridge, whole, r)),
      ),
    }),
    ...(seen('neigh').length > 0 && {
      neigh: diff(
        'neigh',
        expected.neigh.filter((w) => looked(state, 'neigh', w.family)),
        (state.tables.neigh ?? []).filter((n) => ours(n.dev) && !n.state.includes('NOARP') && n.proxy !== true),
      ),
    }),
    ...(looked(state, 'fdb') && {
      fdb: diff(
        'fdb',
        expected.fdb,
        (state.tables.fdb ?? []).filter((f) => ours(f.dev) && isTunnelRow(f)),
      ),
    }),
    ...(expected.wg !== undefined &&
      looked(state, 'wg') && {
        wg: diff(
          'wg',
          expected.wg,
          (state.tables.wg ?? []).filter((p) => ours(p.dev)),
        ),
      }),
    ...(expected.xfrm !== undefined && looked(state, 'xfrm') && {xfrm: diff('xfrm', expected.xfrm, policiesOf(state, expected.xfrm))}),
  };
  return {...base, expected, changes: expected.partial === true ? withoutStrays(changes) : changes};
}

/** A node where no flannel runs: its rows follow from its bridge and its pods, and it may have no lease. */
function withoutFlannel(base: Omit<NodeView, 'changes'>, mode: Mode, settings: Settings): NodeView {
  const {cluster, member, state, self, bridge, peers} = base;
  // Global Router's rows are for a part of the container network that has to be known.
  if (mode.fabric === 'routes' && !self) return {...base, changes: {}};
  const expected = mode.expect({
    settings,
    self: self ?? {node: base.name, backendType: mode.type},
    peers,
    uplink: member.uplink ?? {name: member.survey.defaultDev[4] ?? '', mtu: 0},
    adjacent: () => undefined,
    networks: cluster.networks,
    here: {state, attachments: attachmentsIn(base), bridge},
  });
  const parts = (route: Route): boolean => self !== undefined && ownsRoute(cluster, self, bridge, new Set(), route);
  return {
    ...base,
    expected,
    changes: {
      ...(looked(state, 'route', 4) && {route: diff('route', expected.route, fabricRoutes(state, expected, parts))}),
      ...(looked(state, 'rule', 4) && {rule: diff('rule', expected.rule ?? [], podRules(state, expected))}),
    },
  };
}

/** The mode does not say all that may be there. */
const withoutStrays = (changes: Changes): Changes =>
  Object.fromEntries(
    Object.entries(changes).map(([table, list]) => [table, (list as readonly Change<unknown>[]).filter((c) => c.kind !== 'unexpected')]),
  );

function tolerating(expected: Expected, nodes: ReadonlySet<string>): Expected {
  if (nodes.size === 0) return expected;
  const spare = <Row>(wants: readonly Want<Row>[]): readonly Want<Row>[] =>
    wants.map((w) => (w.peer !== undefined && nodes.has(w.peer) ? {...w, tolerated: true} : w));
  return {
    ...expected,
    route: spare(expected.route),
    neigh: spare(expected.neigh),
    fdb: spare(expected.fdb),
    ...(expected.wg && {wg: spare(expected.wg)}),
    ...(expected.xfrm && {xfrm: spare(expected.xfrm)}),
  };
}

const flannels = ({tmpl}: XfrmPolicy): boolean => tmpl.some((t) => t.reqid === flannelReqid);

/** Those, and whatever stands in the place of one that is wanted: a policy that blocks has no template to tell it by. */
function policiesOf({tables}: NodeState, wants: readonly Want<XfrmPolicy>[]): readonly XfrmPolicy[] {
  const wanted = new Set(wants.map(({row}) => `${row.dir} ${row.src} ${row.dst}`));
  return (tables.xfrm ?? []).filter((p) => flannels(p) || wanted.has(`${p.dir} ${p.src} ${p.dst}`));
}

const byName = new WeakMap<Cluster, ReadonlyMap<string, Member>>();

function memberNamed(cluster: Cluster, name: string): Member {
  let known = byName.get(cluster);
  // Of two members of one name the first, as everywhere.
  if (!known) {
    known = new Map(cluster.members.toReversed().map((m) => [m.name, m]));
    byName.set(cluster, known);
  }
  return known.get(name)!;
}

/** Routes of the main table into the pod network that are not the node's own bridge or device: flannel writes these, or they stand in its way. */
function ownsRoute(cluster: Cluster, self: Lease, bridge: string, whole: ReadonlySet<Prefix>, route: Route): boolean {
  if (
    route.table !== 'main' ||
    route.type === 'local' ||
    route.type === 'broadcast' ||
    route.type === 'multicast' ||
    route.type === 'anycast'
  )
    return false;
  // The whole network has a route of flannel's only in modes with one for all peers.
  if (whole.has(route.dst)) return true;
  if (!cluster.networks.some((n) => n !== route.dst && contains(n, route.dst))) return false;
  if (route.dev === bridge) return false;
  if (route.type === 'unicast' && route.gateway === undefined && route.nexthops === undefined) {
    // The device's own /32 or /128, and per-pod routes of other plugins.
    const own = [self.subnet, self.ipv6Subnet].some((s) => s !== undefined && contains(s, route.dst));
    if (own && (route.protocol === 'kernel' || route.dst.endsWith(route.family === 4 ? '/32' : '/128'))) return false;
  }
  return true;
}

/** Unicast rows to a tunnel end; the kernel's own multicast rows and the bridge's are not flannel's. */
const isTunnelRow = (row: Fdb): boolean => row.dst !== undefined && !isGroup(row.mac) && row.mac !== '00:00:00:00:00:00';

/** The lowest bit of the first byte marks multicast and broadcast: its second hexadecimal digit is odd. */
const isGroup = (mac: Mac): boolean => '13579bdf'.includes(mac.charAt(1));
