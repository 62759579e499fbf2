import type {Link} from '../kernel/link.js';
import {modes} from '../modes/index.js';
import type {Detection, Mode} from '../modes/mode.js';
import type {Family, Ip, Mac, Prefix} from '../net/address.js';
import {contains, tryPrefix} from '../net/prefix.js';
import {type Attachment, attachmentsOf} from '../node/attachment.js';
import {podBridge} from '../node/pod-bridge.js';
import {podEnds} from '../node/pod-ends.js';
import type {NodeState} from '../node/state.js';
import {sharedNetwork} from './shared-network.js';

/**
 * What stays of a node after it has been read once: a few facts, no tables. The cluster model is built from these, so that a thousand
 * nodes' tables never have to be in memory together.
 */
export interface NodeSurvey {
  readonly name: string;
  readonly state: Pick<NodeState, 'subnetEnv' | 'netConf' | 'failure' | 'via' | 'host' | 'families' | 'gaps'>;
  readonly detections: readonly {readonly mode: Mode; readonly detection: Detection}[];
  /** Global addresses of the node itself (pods have their own namespaces). */
  readonly addresses: readonly {
    readonly address: Ip;
    readonly dev: string;
    readonly family: Family;
    readonly prefixlen: number;
    readonly dynamic: boolean;
  }[];
  /** Devices without the veths of pods, which a node may have hundreds of; a veth with an address of its own is the uplink of a nested node. */
  readonly links: readonly Link[];
  /** Device of the IPv4 and the IPv6 default route. */
  readonly defaultDev: {readonly [F in Family]?: string};
  /** Without a default route: the device of the network that the node's own address is in, by the kernel's route to it. */
  readonly connectedDev?: {readonly [F in Family]?: string};
  /** Its gateway, where it has one. */
  readonly defaultVia?: {readonly [F in Family]?: Ip};
  /** Device of the plain routes to pod subnets, where there are any. */
  readonly directDev?: string;
  readonly looksAt: {readonly routes: boolean; readonly links: boolean; readonly rules: boolean};
  /** The pods' bridge, whether it is there or not, and the network that it is in. */
  readonly bridge: string;
  readonly part?: {readonly [F in Family]?: Prefix};
  /** Pods that hang on no bridge: their addresses follow from no subnet of the node's. */
  readonly pods?: readonly Attachment[];
}

/** What other nodes hold about a subnet, an address or a VTEP, counted. The truth about a node is its own; claims show what was published. */
export interface Claims {
  /** neighbour address on a tunnel device → hardware address → nodes that say so */
  readonly neigh: ReadonlyMap<Ip, ReadonlyMap<Mac, readonly string[]>>;
  /** hardware address on a tunnel device → tunnel end → nodes that say so */
  readonly fdb: ReadonlyMap<Mac, ReadonlyMap<Ip, readonly string[]>>;
  /** pod subnet → gateway → nodes that say so */
  readonly route: ReadonlyMap<Prefix, ReadonlyMap<Ip, readonly string[]>>;
  /** The same of routes that use no tunnel of flannel's: pod subnet → gateways */
  readonly plain: ReadonlyMap<Prefix, ReadonlySet<Ip>>;
  /** allowed prefix of a peer on a WireGuard device of flannel's → its public key → nodes that say so */
  readonly wg: ReadonlyMap<Prefix, ReadonlyMap<string, readonly string[]>>;
  /** public key of such a peer → address it is reached at → nodes that say so */
  readonly endpoint: ReadonlyMap<string, ReadonlyMap<Ip, readonly string[]>>;
}

type Tally<K, V> = Map<K, Map<V, string[]>>;

function count<K, V>(tally: Tally<K, V>, key: K, value: V, node: string): void {
  let values = tally.get(key);
  if (!values) {
    values = new Map();
    tally.set(key, values);
  }
  const nodes = values.get(value);
  if (nodes) nodes.push(node);
  else values.set(value, [node]);
}

/** Collects surveys one node at a time. */
export class Surveyor {
  readonly surveys: NodeSurvey[] = [];
  readonly #neigh: Tally<Ip, Mac> = new Map();
  readonly #fdb: Tally<Mac, Ip> = new Map();
  readonly #route: Tally<Prefix, Ip> = new Map();
  readonly #plain = new Map<Prefix, Set<Ip>>();
  readonly #wg: Tally<Prefix, string> = new Map();
  readonly #endpoint: Tally<string, Ip> = new Map();

  get claims(): Claims {
    return {neigh: this.#neigh, fdb: this.#fdb, route: this.#route, plain: this.#plain, wg: this.#wg, endpoint: this.#endpoint};
  }

  add(state: NodeState): void {
    const {tables} = state;
    const asked = new Map<string, boolean>();
    const tunnel = (dev: string | undefined): boolean => {
      if (dev === undefined) return false;
      let owned = asked.get(dev);
      if (owned === undefined) {
        owned = modes.some((mode) => mode.ownsDevice(dev));
        asked.set(dev, owned);
      }
      return owned;
    };
    for (const row of tables.neigh ?? [])
      if (tunnel(row.dev) && row.lladdr !== undefined) count(this.#neigh, row.dst, row.lladdr, state.name);
    for (const row of tables.fdb ?? []) if (tunnel(row.dev) && row.dst !== undefined) count(this.#fdb, row.mac, row.dst, state.name);
    for (const row of tables.wg ?? []) {
      if (!tunnel(row.dev)) continue;
      for (const prefix of row.allowedIPs) count(this.#wg, prefix, row.publicKey, state.name);
      if (row.endpoint !== undefined) count(this.#endpoint, row.publicKey, row.endpoint.address, state.name);
    }
    const networks =
      state.subnetEnv !== undefined && state.subnetEnv !== 'none' ? [...state.subnetEnv.networks, ...state.subnetEnv.ipv6Networks] : [];
    const direct = new Map<string, number>();
    for (const row of tables.route ?? []) {
      const {gateway} = row;
      if (row.table !== 'main' || gateway === undefined || row.type !== 'unicast') continue;
      if (row.dst.endsWith('/0')) continue;
      count(this.#route, row.dst, gateway, state.name);
      if (row.dev === undefined || tunnel(row.dev)) continue;
      const known = this.#plain.get(row.dst);
      if (known) known.add(gateway);
      else this.#plain.set(row.dst, new Set([gateway]));
      // Where even the gateway is a pod address it is a device of its own that leads there, and not the one between the nodes.
      if (networks.some((n) => n !== row.dst && contains(n, row.dst)) && !networks.some((n) => contains(n, gateway))) {
        direct.set(row.dev, (direct.get(row.dev) ?? 0) + 1);
      }
    }
    const directDev = [...direct].toSorted((a, b) => b[1] - a[1])[0]?.[0];
    const defaultRoute = (family: Family) =>
      (tables.route ?? [])
        .filter((r) => r.family === family && r.table === 'main' && r.dst.endsWith('/0') && r.type === 'unicast')
        .toSorted((a, b) => a.metric - b.metric)[0];
    const [route4, route6] = [defaultRoute(4), defaultRoute(6)];
    const [v4, v6] = [route4, route6].map((r) => r?.dev ?? r?.nexthops?.[0]?.dev);
    const [on4, on6] = [v4 === undefined ? connectedTo(state, 4) : undefined, v6 === undefined ? connectedTo(state, 6) : undefined];
    const addressed = new Set((tables.address ?? []).filter((a) => a.scope === 'global').map((a) => a.dev));
    // What a tunnel is bound to is its uplink, also while it has lost its address.
    for (const link of tables.link ?? [])
      if (link.kind === 'vxlan' && typeof link.info?.['link'] === 'string') addressed.add(link.info['link']);
    const bridge = podBridge(state);
    const [part4, part6] = ([4, 6] as const).map((family) => partOf(state, bridge, family));
    const detections = modes.flatMap((mode) => {
      const detection = mode.detect(state);
      return detection ? [{mode, detection}] : [];
    });
    // With its rules unread a node shows no mode; what flannel carries is not asked for its pods.
    const flannels = detections.some((d) => d.mode.foreign !== true && d.detection.weight > 1);
    const apart = flannels ? [] : attachmentsOf(state).filter((a) => a.kind !== 'bridge');
    this.surveys.push({
      name: state.name,
      state: {
        subnetEnv: state.subnetEnv,
        netConf: state.netConf,
        via: state.via,
        host: state.host,
        families: state.families,
        gaps: state.gaps,
        ...(state.failure && {failure: state.failure}),
      },
      detections,
      addresses: (tables.address ?? [])
        .filter((a) => a.scope === 'global')
        .map((a) => ({address: a.local, dev: a.dev, family: a.family, prefixlen: a.prefixlen, dynamic: a.flags.includes('dynamic')})),
      links: (tables.link ?? []).filter((l) =>
        l.kind === 'veth' || l.ifname.startsWith('veth') ? l.master === undefined && addressed.has(l.ifname) : true,
      ),
      defaultDev: {...(v4 !== undefined && {4: v4}), ...(v6 !== undefined && {6: v6})},
      defaultVia: {...(route4?.gateway !== undefined && {4: route4.gateway}), ...(route6?.gateway !== undefined && {6: route6.gateway})},
      ...((on4 ?? on6) !== undefined && {connectedDev: {...(on4 !== undefined && {4: on4}), ...(on6 !== undefined && {6: on6})}}),
      ...(directDev !== undefined && {directDev}),
      looksAt: {
        routes: state.families.route !== undefined,
        links: state.families.link !== undefined,
        rules: state.families.rule !== undefined,
      },
      bridge,
      ...((part4 ?? part6) !== undefined && {part: {...(part4 !== undefined && {4: part4}), ...(part6 !== undefined && {6: part6})}}),
      ...(apart.length > 0 && {pods: apart}),
    });
  }
}

/** Bridges and tunnels have networks of their own; of several interfaces the one that the kernel would take. */
function connectedTo({tables}: NodeState, family: Family): string | undefined {
  const kinds = new Map((tables.link ?? []).map((l) => [l.ifname, l.kind]));
  return (tables.route ?? [])
    .filter(
      (r) =>
        r.family === family &&
        r.table === 'main' &&
        r.protocol === 'kernel' &&
        r.type === 'unicast' &&
        r.gateway === undefined &&
        !r.dst.startsWith('fe80:') &&
        r.dev !== undefined &&
        kinds.has(r.dev) &&
        [undefined, 'veth', 'vlan', 'bond', 'team'].includes(kinds.get(r.dev)),
    )
    .toSorted((a, b) => a.metric - b.metric)[0]?.dev;
}

/** The network that the bridge is in: as its pods have it, who keep what they were given, else by its address, else by the kernel's route to it. */
function partOf(state: NodeState, bridge: string, family: Family): Prefix | undefined {
  const {tables} = state;
  const whole = family === 4 ? 32 : 128;
  const ports = podEnds(state).filter((end) => end.host?.master === bridge);
  const shared = sharedNetwork(ports, family);
  if (shared !== undefined) return shared;
  const held = tables.address?.find((a) => a.dev === bridge && a.family === family && a.scope === 'global' && a.prefixlen < whole);
  if (held) return tryPrefix(`${held.local}/${held.prefixlen}`);
  return tables.route?.find(
    (r) =>
      r.dev === bridge &&
      r.family === family &&
      r.table === 'main' &&
      r.type === 'unicast' &&
      r.gateway === undefined &&
      !r.dst.endsWith(`/${whole}`) &&
      !r.dst.startsWith('fe80:'),
  )?.dst;
}

/**
 * The mode that a node shows, given what it was asked to run: one that leaves no traces of its own shows in nothing, unless there are those
 * of another.
 */
export function shownMode(survey: NodeSurvey, asked: Mode | undefined): Mode | undefined {
  const [found] = strongest(survey);
  // A device that nothing is sent through may be what is left of another mode.
  const other = found?.mode.traces === 'own' && found.detection.weight === 3;
  if (asked?.traces === 'none' && !other) return survey.looksAt.links ? asked : undefined;
  return found?.mode;
}

/** The mode a node runs: of several that recognise themselves, the one that carries most. */
export const strongest = (survey: NodeSurvey): NodeSurvey['detections'] =>
  survey.detections.toSorted((a, b) => b.detection.weight - a.detection.weight).slice(0, 1);
