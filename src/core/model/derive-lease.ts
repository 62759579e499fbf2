import type {Lease} from '../flannel/lease.js';
import type {NetConf} from '../flannel/net-conf.js';
import type {LeaseRecord, NodeRecord, Records} from '../flannel/records.js';
import {type Link, localOf} from '../kernel/link.js';
import type {Mode, Settings} from '../modes/mode.js';
import type {Family, Ip, Prefix} from '../net/address.js';
import {baseOf, contains, lengthOf, tryPrefix} from '../net/prefix.js';
import {heldKey, listedData, recordedData} from './backend-parts.js';
import type {Member} from './cluster.js';
import type {InventoryNode} from './inventory.js';
import type {RouteWitnesses} from './route-witnesses.js';
import {type Claims, type NodeSurvey, shownMode} from './survey.js';
import {memberWithoutFlannel} from './without-flannel.js';

/** What the whole cluster says, for judging what one node says of itself. */
export interface Context {
  readonly mode: Mode | undefined;
  readonly settings: Settings | undefined;
  readonly netConf: NetConf | undefined;
  readonly networks: readonly Prefix[];
  readonly claims: Claims;
  /** The length of pod subnets, where most nodes that say agree. */
  readonly lengths: {readonly [F in Family]: number | undefined};
  readonly witnesses: RouteWitnesses;
  /** How many other nodes there are. */
  readonly peers: number;
  /** The networks that nodes are on, each once. */
  readonly connected: readonly Prefix[];
}

/** What is written down of a node, beside what it shows itself. */
export interface Written {
  readonly listed: InventoryNode | undefined;
  readonly record: NodeRecord | undefined;
  /** The records speak for all nodes, so that one they do not have has published nothing. */
  readonly recorded: boolean;
  readonly records?: Records | undefined;
}

/**
 * A node as a member of the cluster. Its lease is what it and its peers show, as far as it was read, and else what flannel's records say:
 * where a record parts from what the node has, rows written from it lead to something that is not there, and the lease rules say so. What
 * an inventory states wins over the node.
 */
export function member(survey: NodeSurvey, {listed, record, recorded, records}: Written, context: Context): Member {
  const {mode, settings, netConf, claims} = context;
  const own = shownMode(survey, mode);
  const foreign = own ?? mode;
  if (foreign?.foreign) return memberWithoutFlannel(survey, foreign, {listed, record, records});
  const devices = settings && mode ? mode.devices(settings) : [];
  const device = (family: Family): Link | undefined => {
    const name = devices.find((d) => d.family === family)?.name;
    return survey.links.find((l) => l.ifname === name);
  };
  const uses = (family: Family): boolean => usesFamily(record?.lease, netConf, family);
  const kept = record && ofFamilies(record.lease, uses);
  // Records are what an inventory's `lease` is a copy of.
  const written = kept ?? listed?.lease;
  const uplinkName = uplinkOf(survey, device(4) ?? device(6), written?.publicIP);
  const uplinkLink = survey.links.find((l) => l.ifname === uplinkName);
  const publicIP = (family: Family): Ip | undefined => {
    const published = family === 4 ? written?.publicIP : written?.publicIPv6;
    if (published !== undefined && (!record || isPublic(survey, record.lease, published))) return published;
    if (readable(record) && !uses(family)) return undefined;
    return publicAddress(survey, family, device(family), uplinkName, context) ?? published;
  };
  const subnet = (family: Family): Prefix | undefined => {
    const published = family === 4 ? written?.subnet : written?.ipv6Subnet;
    if (published !== undefined && !record) return published;
    if (readable(record) && !uses(family)) return undefined;
    return subnetOf(survey, family, devices.find((d) => d.family === family)?.name, context) ?? published;
  };
  const known = !survey.state.failure || survey.looksAt.links || record !== undefined;
  const [p4, p6, s4, s6] = [publicIP(4), publicIP(6), subnet(4), subnet(6)];
  const published =
    devices.length === 0 || !mode || !settings
      ? {}
      : {
          ...heldKey(s4 ?? s6, claims),
          ...(kept && recordedData(kept)),
          ...mode.publishes(survey.links, settings),
          ...(!kept && listedData(listed)),
        };
  const lease: Lease | undefined =
    known && ((s4 !== undefined && p4 !== undefined) || (s6 !== undefined && p6 !== undefined))
      ? {
          node: survey.name,
          backendType: kept?.backendType ?? own?.type ?? mode?.type ?? '',
          ...(s4 !== undefined && {subnet: s4}),
          ...(s6 !== undefined && {ipv6Subnet: s6}),
          ...(p4 !== undefined && {publicIP: p4}),
          ...(p6 !== undefined && {publicIPv6: p6}),
          ...published,
          ...(recorded && !readable(record) && {unpublished: true as const}),
        }
      : undefined;
  return {
    name: survey.name,
    survey,
    ...(lease && {lease}),
    ...(uplinkLink && {uplink: {name: uplinkLink.ifname, mtu: uplinkLink.mtu}}),
    ...(own && {mode: own}),
  };
}

/**
 * Does flannel use this family? The controller gives IPv6 podCIDRs whether it does or not, and annotations of a family that was turned off
 * stay (model/flannel-backends.md §5.3).
 */
function usesFamily(lease: LeaseRecord | undefined, netConf: NetConf | undefined, family: Family): boolean {
  if (family === 6) return netConf?.enableIPv6 ?? lease?.publicIPv6 !== undefined;
  return netConf?.enableIPv4 ?? (!lease?.managed || lease.publicIP !== undefined);
}

function ofFamilies(lease: LeaseRecord, uses: (family: Family) => boolean): LeaseRecord {
  const {subnet, ipv6Subnet, publicIP, publicIPv6, ...rest} = lease;
  return {
    ...rest,
    ...(uses(4) && subnet !== undefined && {subnet}),
    ...(uses(4) && publicIP !== undefined && {publicIP}),
    ...(uses(6) && ipv6Subnet !== undefined && {ipv6Subnet}),
    ...(uses(6) && publicIPv6 !== undefined && {publicIPv6}),
  };
}

/** Does flannel of the other nodes take it for a lease? */
const readable = (record: NodeRecord | undefined): boolean =>
  record?.lease.managed === true && (record.lease.publicIP !== undefined || record.lease.publicIPv6 !== undefined);

/** Is what was published an address of the node, as far as it was read, or meant not to be one? */
const isPublic = (survey: NodeSurvey, lease: LeaseRecord | undefined, published: Ip): boolean =>
  survey.state.families.address === undefined ||
  survey.addresses.some((a) => a.address === published) ||
  lease?.publicIPOverwrite === published ||
  lease?.publicIPv6Overwrite === published;

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
  {claims, connected, peers}: Context,
): Ip | undefined {
  const onUplink = survey.addresses
    .filter((a) => a.dev === uplink && a.family === family && a.prefixlen < (family === 4 ? 33 : 129))
    .map((a) => a.address);
  const local = tunnel && localOf(tunnel);
  const held = local !== undefined && survey.addresses.some((a) => a.address === local) ? [local] : [];
  // public-ip-overwrite, or k3s' external IP: the tunnel's source is as it should be, and the peers send to an address on no node's network.
  const ends = held.length > 0 && tunnel?.address !== undefined ? [...(claims.fdb.get(tunnel.address) ?? [])] : [];
  const elsewhere = ends.find(([address, by]) => by.length >= Math.max(2, peers * 0.9) && !connected.some((p) => contains(p, address)));
  if (elsewhere) return elsewhere[0];
  const candidates = [...new Set([...held, ...onUplink])];
  // A tunnel whose source is gone, and nothing in its place: peers still send to what was published.
  if (candidates.length === 0) return local?.startsWith('fe80:') ? undefined : local;
  if (candidates.length < 2) return candidates[0];
  const votes = (address: Ip) => {
    let n = 0;
    for (const ends of claims.fdb.values()) n += ends.get(address)?.length ?? 0;
    for (const gateways of claims.route.values()) n += gateways.get(address)?.length ?? 0;
    for (const ends of claims.endpoint.values()) n += ends.get(address)?.length ?? 0;
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
