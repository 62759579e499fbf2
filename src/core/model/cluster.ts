import {type Lease, leaseOf} from '../flannel/lease.js';
import {type NetConf, parseNetConf} from '../flannel/net-conf.js';
import {type Link, localOf} from '../kernel/link.js';
import {modeOf} from '../modes/index.js';
import type {Mode, Settings} from '../modes/mode.js';
import {type Family, familyOf, type Ip, type Prefix} from '../net/address.js';
import {baseOf, contains, lengthOf, tryPrefix} from '../net/prefix.js';
import type {Inventory, InventoryNode} from './inventory.js';
import {type RouteWitnesses, routeWitnesses} from './route-witnesses.js';
import type {Claims, NodeSurvey, Surveyor} from './survey.js';

/** One node of the cluster: what it published, as far as it can be known. */
export interface Member {
  readonly name: string;
  readonly survey: NodeSurvey;
  /** Undefined when the node could not be read or runs no flannel that we recognise. */
  readonly lease?: Lease;
  readonly uplink?: {readonly name: string; readonly mtu: number};
  /** The mode the node itself shows. */
  readonly mode?: Mode;
}

/** Who is there, what they run, and how that was learnt. */
export interface Cluster {
  /** `inventory` when a file lists the members, else `derived` from the nodes that were read. */
  readonly source: 'inventory' | 'derived';
  /** Where mode and settings come from. */
  readonly configuredBy: 'net-conf' | 'derived';
  readonly mode?: Mode;
  readonly settings?: Settings;
  readonly netConf?: NetConf;
  readonly networks: readonly Prefix[];
  readonly members: readonly Member[];
  readonly claims: Claims;
  /** Every member is known: only then is a row without an owner a stray. */
  readonly complete: boolean;
  readonly problems: readonly string[];
}

export interface Given {
  readonly inventory?: Inventory;
  /** A net-conf.json given by hand (`--net-conf`); it wins over what nodes have on disk. */
  readonly netConf?: unknown;
}

/** Builds the model from what every node says of itself, with whatever records were given on top. Never throws: doubt becomes a finding. */
export function buildCluster(surveyor: Pick<Surveyor, 'surveys' | 'claims'>, given: Given = {}): Cluster {
  const {surveys, claims} = surveyor;
  const problems: string[] = [];
  const stated = given.netConf ?? given.inventory?.netConf;
  let netConf: NetConf | undefined;
  if (stated !== undefined) {
    const read = parseNetConf(stated);
    if (read.ok) netConf = read.conf;
    else problems.push(...read.problems.map((p) => `net-conf: ${p}`));
  }
  netConf ??= mostCommon(
    surveys.flatMap((s) =>
      s.state.netConf !== undefined && s.state.netConf !== 'none' && s.state.netConf.ok ? [s.state.netConf.conf] : [],
    ),
    (conf) => JSON.stringify(conf),
  );
  const detected = mostCommon(
    surveys.flatMap((s) => strongest(s).map((d) => ({mode: d.mode, settings: d.detection.settings}))),
    (d) => `${d.mode.type} ${d.settings.vni} ${d.settings.port} ${d.settings.learning}`,
  );
  const mode = netConf ? modeOf(netConf.backendType) : detected?.mode;
  if (netConf && !mode) problems.push(`net-conf names backend ${JSON.stringify(netConf.backendType)}, which this flanctl does not know`);
  const networks = networksOf(surveys, netConf);
  const directRouting =
    surveys.some((s) => strongest(s).some((d) => d.mode === mode && d.detection.settings.directRouting)) ||
    (detected !== undefined && detected.mode.devices(detected.settings).length > 0 && usesPublicAddresses(surveys, claims, networks));
  const settings = mode && (netConf ? mode.settings(netConf.backend) : {...detected!.settings, directRouting});
  const context: Context = {
    mode,
    settings,
    networks,
    claims,
    lengths: {4: commonLength(surveys, 4), 6: commonLength(surveys, 6)},
    witnesses: routeWitnesses(claims, networks),
  };
  const entries = new Map((given.inventory?.nodes ?? []).map((n) => [n.name, n]));
  const members = surveys.map((survey) => member(survey, entries.get(survey.name), context));
  const names = new Set(surveys.map((s) => s.name));
  const missing = (given.inventory?.nodes ?? []).filter((n) => !names.has(n.name));
  return {
    source: given.inventory ? 'inventory' : 'derived',
    configuredBy: netConf ? 'net-conf' : 'derived',
    ...(mode && {mode}),
    ...(settings && {settings}),
    ...(netConf && {netConf}),
    networks,
    members,
    claims,
    complete:
      missing.length === 0 && members.every((m) => isKnown(m, networks)) && (members.length > 1 || given.inventory?.nodes.length === 1),
    problems,
  };
}

/** Do pod routes lead through addresses of nodes? A node that does not tell its network cannot see that of its own routes. */
function usesPublicAddresses(surveys: readonly NodeSurvey[], claims: Claims, networks: readonly Prefix[]): boolean {
  const addresses = new Set(surveys.flatMap((s) => s.addresses.map((a) => a.address)));
  return [...claims.route].some(
    ([subnet, gateways]) =>
      networks.some((n) => n !== subnet && contains(n, subnet)) &&
      [...gateways.keys()].some((gateway) => addresses.has(gateway) && !networks.some((n) => contains(n, gateway))),
  );
}

/** Is its lease known in every family that the cluster has, or known to lack it? What belongs to an unknown part would look like a stray. */
export function isKnown({lease, survey}: Pick<Member, 'lease' | 'survey'>, networks: readonly Prefix[]): boolean {
  const {families, subnetEnv} = survey.state;
  const looked = families.address !== undefined && subnetEnv !== undefined;
  return lease !== undefined && (looked || networks.every((network) => leaseOf(lease, familyOf(network)) !== undefined));
}

/** The mode a node runs: of several that recognise themselves, the one that carries most. */
const strongest = (survey: NodeSurvey): NodeSurvey['detections'] =>
  survey.detections.toSorted((a, b) => b.detection.weight - a.detection.weight).slice(0, 1);

function networksOf(surveys: readonly NodeSurvey[], netConf: NetConf | undefined): readonly Prefix[] {
  const stated = [netConf?.network, netConf?.ipv6Network].filter((n) => n !== undefined);
  if (stated.length > 0) return stated;
  const envs = surveys.flatMap((s) => (s.state.subnetEnv !== undefined && s.state.subnetEnv !== 'none' ? [s.state.subnetEnv] : []));
  const common = (key: 'networks' | 'ipv6Networks') =>
    mostCommon(
      envs.map((e) => e[key]).filter((n) => n.length > 0),
      (n) => n.join(),
    ) ?? [];
  return [...common('networks'), ...common('ipv6Networks')];
}

interface Context {
  readonly mode: Mode | undefined;
  readonly settings: Settings | undefined;
  readonly networks: readonly Prefix[];
  readonly claims: Claims;
  /** The length of pod subnets, where most nodes that say agree. */
  readonly lengths: {readonly [F in Family]: number | undefined};
  readonly witnesses: RouteWitnesses;
}

function member(survey: NodeSurvey, listed: InventoryNode | undefined, context: Context): Member {
  const {mode, settings, claims} = context;
  const own = strongest(survey)[0];
  const devices = settings && mode ? mode.devices(settings) : [];
  const device = (family: Family): Link | undefined => {
    const name = devices.find((d) => d.family === family)?.name;
    return survey.links.find((l) => l.ifname === name);
  };
  const uplinkName = uplinkOf(survey, device(4) ?? device(6), listed?.lease?.publicIP);
  const uplinkLink = survey.links.find((l) => l.ifname === uplinkName);
  const publicIP = (family: Family) =>
    (family === 4 ? listed?.lease?.publicIP : listed?.lease?.publicIPv6) ??
    publicAddress(survey, family, device(family), uplinkName, claims);
  const subnet = (family: Family) =>
    (family === 4 ? listed?.lease?.subnet : listed?.lease?.ipv6Subnet) ??
    subnetOf(survey, family, devices.find((d) => d.family === family)?.name, context);
  const readable = !survey.state.failure || survey.looksAt.links;
  const published = {
    vtepMAC: listed?.lease?.vtepMAC ?? device(4)?.address,
    vtepMACv6: listed?.lease?.vtepMACv6 ?? device(6)?.address,
  };
  const [p4, p6, s4, s6] = [publicIP(4), publicIP(6), subnet(4), subnet(6)];
  const lease: Lease | undefined =
    readable && ((s4 !== undefined && p4 !== undefined) || (s6 !== undefined && p6 !== undefined))
      ? {
          node: survey.name,
          backendType: own?.mode.type ?? mode?.type ?? '',
          ...(s4 !== undefined && {subnet: s4}),
          ...(s6 !== undefined && {ipv6Subnet: s6}),
          ...(p4 !== undefined && {publicIP: p4}),
          ...(p6 !== undefined && {publicIPv6: p6}),
          ...(devices.length > 0 && published.vtepMAC !== undefined && {vtepMAC: published.vtepMAC}),
          ...(devices.length > 0 && published.vtepMACv6 !== undefined && {vtepMACv6: published.vtepMACv6}),
        }
      : undefined;
  return {
    name: survey.name,
    survey,
    ...(lease && {lease}),
    ...(uplinkLink && {uplink: {name: uplinkLink.ifname, mtu: uplinkLink.mtu}}),
    ...(own && {mode: own.mode}),
  };
}

/** The interface flannel chose: the tunnel's lower device, else the one of the public address, of the plain pod routes, of the default route. */
function uplinkOf(survey: NodeSurvey, tunnel: Link | undefined, publicIP: Ip | undefined): string | undefined {
  const has = (name: unknown): name is string => typeof name === 'string' && survey.links.some((l) => l.ifname === name);
  const ofAddress = survey.addresses.find((a) => a.address === publicIP)?.dev;
  // A tunnel bound to another interface than the one of its source is a fault, unless that address is on a loopback for routes to announce.
  const local = tunnel && localOf(tunnel);
  const ofLocal = survey.addresses.find(
    (a) => a.address === local && a.dev !== 'lo' && survey.links.find((l) => l.ifname === a.dev)?.kind !== 'dummy',
  )?.dev;
  const candidates = [ofAddress, ofLocal, tunnel?.info?.['link'], survey.directDev, survey.defaultDev[4], survey.defaultDev[6]];
  return (
    candidates.find(has) ??
    survey.links.find(
      (l) => (l.kind === undefined || l.kind === 'veth') && l.ifname !== 'lo' && survey.addresses.some((a) => a.dev === l.ifname),
    )?.ifname
  );
}

/**
 * The address peers send to. The tunnel's own `local` when the node still has it; if several of the uplink's addresses come into
 * question, the one most peers use.
 */
function publicAddress(
  survey: NodeSurvey,
  family: Family,
  tunnel: Link | undefined,
  uplink: string | undefined,
  claims: Claims,
): Ip | undefined {
  const onUplink = survey.addresses
    .filter((a) => a.dev === uplink && a.family === family && a.prefixlen < (family === 4 ? 33 : 129))
    .map((a) => a.address);
  const local = tunnel && localOf(tunnel);
  const held = local !== undefined && survey.addresses.some((a) => a.address === local) ? [local] : [];
  const candidates = [...new Set([...held, ...onUplink])];
  // A tunnel whose source is gone, and nothing in its place: peers still send to what was published.
  if (candidates.length === 0) return local?.startsWith('fe80:') ? undefined : local;
  if (candidates.length < 2) return candidates[0];
  const votes = (address: Ip) => {
    let n = 0;
    for (const ends of claims.fdb.values()) n += ends.get(address)?.length ?? 0;
    for (const gateways of claims.route.values()) n += gateways.get(address)?.length ?? 0;
    return n;
  };
  return candidates.map((address) => ({address, n: votes(address)})).toSorted((a, b) => b.n - a.n)[0]!.address;
}

/**
 * The node's pod subnet. Four witnesses may disagree after a fault: subnet.env, the tunnel device's address, the bridge's address and
 * the routes of the peers; the majority is taken, subnet.env when they are even, and the rules report who differs.
 */
function subnetOf(
  survey: NodeSurvey,
  family: Family,
  device: string | undefined,
  {networks, claims, lengths, witnesses: byAddress, mode}: Context,
): Prefix | undefined {
  const env = survey.state.subnetEnv;
  const stated = env !== undefined && env !== 'none' ? (family === 4 ? env.subnet : env.ipv6Subnet) : undefined;
  const length = stated === undefined ? lengths[family] : lengthOf(stated);
  if (length === undefined) return stated;
  const inside = (address: Ip) => networks.some((n) => contains(n, address));
  const witnesses: Prefix[] = stated === undefined ? [] : [stated];
  for (const a of survey.addresses) {
    if (a.family !== family || !inside(a.address)) continue;
    const ofTunnel = a.dev === device || (mode?.ownsDevice(a.dev) ?? false);
    if (ofTunnel || a.prefixlen === length) witnesses.push(tryPrefix(`${a.address}/${length}`)!);
  }
  const addresses = new Set(survey.addresses.map((a) => a.address));
  const ours = new Map([...addresses].flatMap((address) => byAddress.get(address) ?? []).map(({subnet, order}) => [subnet, order]));
  // In the order they were first seen, since the first of equals is taken.
  for (const [subnet] of [...ours].toSorted((a, b) => a[1] - b[1])) {
    if (lengthOf(subnet) !== length) continue;
    const gateways = claims.route.get(subnet) ?? new Map<Ip, readonly string[]>();
    if ([...gateways].some(([gateway, by]) => (addresses.has(gateway) || gateway === baseOf(subnet)) && by.some((n) => n !== survey.name)))
      witnesses.push(subnet);
  }
  const counted = new Map<Prefix, number>();
  for (const w of witnesses) counted.set(w, (counted.get(w) ?? 0) + 1);
  return [...counted].toSorted((a, b) => b[1] - a[1])[0]?.[0];
}

function commonLength(surveys: readonly NodeSurvey[], family: Family): number | undefined {
  const lengths = surveys.flatMap((s) => {
    const env = s.state.subnetEnv;
    const subnet = env !== undefined && env !== 'none' ? (family === 4 ? env.subnet : env.ipv6Subnet) : undefined;
    return subnet === undefined ? [] : [lengthOf(subnet)];
  });
  return mostCommon(lengths, String);
}

/** The value most of them have; of equals, the first. */
export function mostCommon<T>(values: readonly T[], key: (value: T) => string): T | undefined {
  const counts = new Map<string, {value: T; n: number}>();
  for (const value of values) {
    const k = key(value);
    const held = counts.get(k);
    if (held) held.n += 1;
    else counts.set(k, {value, n: 1});
  }
  return [...counts.values()].toSorted((a, b) => b.n - a.n)[0]?.value;
}
