import type {Cloud} from '../cloud/cloud.js';
import {resolveCloud} from '../cloud/resolve.js';
import {type Lease, leaseOf} from '../flannel/lease.js';
import {type NetConf, parseNetConf} from '../flannel/net-conf.js';
import type {NodeRecord, Records} from '../flannel/records.js';
import {modeOf} from '../modes/index.js';
import type {Mode, Settings} from '../modes/mode.js';
import {type Family, familyOf, type Ip, type Prefix} from '../net/address.js';
import {contains, lengthOf, tryPrefix} from '../net/prefix.js';
import {cloudNodes} from './cloud-nodes.js';
import {type Context, member} from './derive-lease.js';
import type {Inventory, InventoryNode} from './inventory.js';
import {matchRecords, unread} from './match-records.js';
import {mostCommon} from './most-common.js';
import {routeWitnesses} from './route-witnesses.js';
import {type Claims, type NodeSurvey, type Surveyor, strongest} from './survey.js';
import {isReadWithoutFlannel, networksOfParts, withoutFlannel} from './without-flannel.js';

/** One node of the cluster: what it published, as far as it can be known. */
export interface Member {
  readonly name: string;
  readonly survey: NodeSurvey;
  /** Undefined when the node could not be read or runs no flannel that we recognise. */
  readonly lease?: Lease;
  readonly uplink?: {readonly name: string; readonly mtu: number};
  /** The mode the node itself shows. */
  readonly mode?: Mode;
  /** What flannel's records say of it. */
  readonly record?: NodeRecord;
  /** There are records of the other nodes, and none of this one. */
  readonly unrecorded?: true;
  /** Where no flannel runs: the node's own addresses, one a family, and those of its pods that no subnet of it has. */
  readonly addresses?: readonly Ip[];
  readonly pods?: readonly Ip[];
}

/** Who is there, what they run, and how that was learnt. */
export interface Cluster {
  /** Who lists the members: flannel's records, an inventory, or nobody: then they are the nodes that were read. */
  readonly source: 'kubernetes' | 'etcd' | 'inventory' | 'derived';
  /** Where mode and settings come from. */
  readonly configuredBy: 'net-conf' | 'derived';
  /** Which net-conf that is: `ConfigMap kube-flannel/kube-flannel-cfg, net-conf.json`, `/coreos.com/network/config`. */
  readonly configuredFrom?: string;
  /** flannel's own records, where they were asked for. */
  readonly records?: Records;
  readonly mode?: Mode;
  readonly settings?: Settings;
  readonly netConf?: NetConf;
  readonly networks: readonly Prefix[];
  readonly members: readonly Member[];
  readonly claims: Claims;
  /** Every member is known: only then is a row without an owner a stray. */
  readonly complete: boolean;
  readonly problems: readonly string[];
  /** What the cloud says, its next hops and interfaces matched with the nodes; absent when nobody asked it. */
  readonly cloud?: Cloud;
  /** net-conf asks for one thing and every node runs another: the nodes are judged by what they run. */
  readonly unrolled?: {readonly asked: string; readonly running: string};
}

export interface Given {
  readonly inventory?: Inventory;
  /** flannel's own records, where the API server or etcd was asked. */
  readonly records?: Records;
  /** A net-conf.json given by hand (`--net-conf`); it wins over what nodes have on disk. */
  readonly netConf?: unknown;
  /** What the cloud says (`--cloud-routes`, `--cloud-enis`). */
  readonly cloud?: Cloud;
}

/** Builds the model from what every node says of itself, with whatever records were given on top. Never throws: doubt becomes a finding. */
export function buildCluster(surveyor: Pick<Surveyor, 'surveys' | 'claims'>, given: Given = {}): Cluster {
  const {claims} = surveyor;
  const {records} = given;
  const problems: string[] = [...(records?.problems ?? []), ...(given.cloud?.problems ?? [])];
  const listed = new Map((given.inventory?.nodes ?? []).map((n) => [n.name, n]));
  const {surveys, recordOf, listing} = joined(surveyor.surveys, given, listed, problems);
  const {netConf, from: configuredFrom} = configuration(surveys, given, problems);
  const detected = mostCommon(
    surveys.flatMap((s) => strongest(s).map((d) => ({mode: d.mode, settings: d.detection.settings}))),
    (d) => `${d.mode.named(d.settings)} ${d.settings.learning}`,
  );
  const asked = netConf && modeOf(netConf.backendType);
  const unrolled = netConf && notRolledOut(surveys, asked, asked?.settings(netConf.backend), netConf.backendType);
  const followed = unrolled ? undefined : netConf;
  const mode = followed ? asked : detected?.mode;
  if (followed && !mode) problems.push(`net-conf names backend ${JSON.stringify(followed.backendType)}, which this flanctl does not know`);
  const stated = networksOf(surveys, netConf);
  const networks = stated.length > 0 ? stated : networksOfParts(surveys, listing ? records : undefined, given.cloud);
  const directRouting =
    surveys.some((s) => strongest(s).some((d) => d.mode === mode && d.detection.settings.directRouting)) ||
    (detected !== undefined && detected.mode.devices(detected.settings).length > 0 && usesPublicAddresses(surveys, claims, networks));
  const settings = mode && (followed ? mode.settings(followed.backend) : {...detected!.settings, directRouting});
  const context: Context = {
    mode,
    settings,
    netConf,
    networks,
    claims,
    lengths: {4: commonLength(surveys, claims, networks, 4), 6: commonLength(surveys, claims, networks, 6)},
    witnesses: routeWitnesses(claims, networks),
    peers: surveys.length - 1,
    connected: [...new Set(surveys.flatMap((s) => s.addresses.flatMap((a) => tryPrefix(`${a.address}/${a.prefixlen}`) ?? [])))],
  };
  const members = surveys.map((survey): Member => {
    const record = recordOf.get(survey.name);
    const made = member(survey, {listed: listed.get(survey.name), record, recorded: listing, records}, context);
    return record ? {...made, record} : listing ? {...made, unrecorded: true} : made;
  });
  const names = new Set(surveys.map((s) => s.name));
  const missing = (given.inventory?.nodes ?? []).filter((n) => !names.has(n.name));
  return {
    source: listing && records ? records.source : given.inventory ? 'inventory' : 'derived',
    configuredBy: followed ? 'net-conf' : 'derived',
    ...(followed && configuredFrom !== undefined && {configuredFrom}),
    ...(records && {records}),
    ...(mode && {mode}),
    ...(settings && {settings}),
    ...(netConf && {netConf}),
    ...(unrolled && {unrolled}),
    ...(given.cloud && {cloud: resolveCloud(given.cloud, cloudNodes({members, networks}))}),
    networks,
    members,
    claims,
    complete:
      missing.length === 0 &&
      members.every((m) => isKnown(m, networks)) &&
      (members.length > 1 || given.inventory?.nodes.length === 1 || listing),
    problems,
  };
}

interface Joined {
  readonly surveys: readonly NodeSurvey[];
  readonly recordOf: ReadonlyMap<string, NodeRecord>;
  /** The records list the nodes and their leases. */
  readonly listing: boolean;
}

/** The nodes that were read, those that only the records know, and whose record is whose. */
function joined(
  surveys: readonly NodeSurvey[],
  {records, inventory}: Given,
  listed: ReadonlyMap<string, InventoryNode>,
  problems: string[],
): Joined {
  if (records === undefined || records.nodes.length === 0) return {surveys, recordOf: new Map(), listing: false};
  if (!records.nodes.some((n) => n.lease.managed) && !withoutFlannel(surveys)) {
    problems.push(
      `no node of ${records.from} carries ${records.annotationPrefix ?? ''}kube-subnet-manager: flannel keeps its leases elsewhere (etcd, or another annotation prefix)`,
    );
    return {surveys, recordOf: new Map(), listing: false};
  }
  const {byNode, others} = matchRecords(surveys, records.nodes, listed);
  // Whom an inventory leaves out nobody meant to look at; what etcd has beyond the nodes is mostly the lease of one that is gone.
  const missed = records.source === 'kubernetes' && inventory === undefined;
  return {
    surveys: [...surveys, ...others.map(({name}) => unread(name, records.from, missed))],
    recordOf: new Map([...byNode, ...others.map(({name, record}) => [name, record] as const)]),
    listing: true,
  };
}

/** The net-conf in force: given by hand, of the records, of the inventory, else what most nodes have on disk. */
function configuration(
  surveys: readonly NodeSurvey[],
  {netConf: byHand, inventory, records}: Given,
  problems: string[],
): {readonly netConf?: NetConf; readonly from?: string} {
  const kept = records?.netConf;
  const stated = byHand ?? (kept ? undefined : inventory?.netConf);
  const read = stated !== undefined ? parseNetConf(stated) : kept?.parsed;
  const from = stated === undefined ? kept?.where : undefined;
  if (read?.ok) return {netConf: read.conf, ...(from !== undefined && {from})};
  problems.push(...(read?.problems ?? []).map((p) => `${from ?? 'net-conf'}: ${p}`));
  const found = mostCommon(
    surveys.flatMap((s) =>
      s.state.netConf !== undefined && s.state.netConf !== 'none' && s.state.netConf.ok ? [s.state.netConf.conf] : [],
    ),
    (conf) => JSON.stringify(conf),
  );
  return found ? {netConf: found} : {};
}

/**
 * A net-conf that no node follows was edited and not rolled out (flanneld reads it at start only), or is not the one in force. One node
 * that differs is a fault of that node; all of them, at least two, alike are the truth.
 */
function notRolledOut(
  surveys: readonly NodeSurvey[],
  asked: Mode | undefined,
  wanted: Settings | undefined,
  type: string,
): Cluster['unrolled'] {
  const running = surveys.flatMap(strongest).filter((d) => d.detection.weight > 1 && (asked?.traces !== 'none' || d.mode.traces === 'own'));
  const stated = asked && wanted ? asked.named(wanted) : type;
  const [only, ...others] = new Set(
    running.map(({mode, detection: {settings: s}}) => (mode === asked && wanted && mode.mayBe?.(s, wanted) ? stated : mode.named(s))),
  );
  return running.length > 1 && others.length === 0 && only !== undefined && only !== stated ? {asked: stated, running: only} : undefined;
}

/** Do pod routes lead through addresses of nodes? A node that does not tell its network cannot see that of its own routes. */
function usesPublicAddresses(surveys: readonly NodeSurvey[], claims: Claims, networks: readonly Prefix[]): boolean {
  const addresses = new Set(surveys.flatMap((s) => s.addresses.map((a) => a.address)));
  return [...claims.plain].some(
    ([subnet, gateways]) =>
      networks.some((n) => n !== subnet && contains(n, subnet)) &&
      [...gateways].some((gateway) => addresses.has(gateway) && !networks.some((n) => contains(n, gateway))),
  );
}

/** Is its lease known in every family that the cluster has, or known to lack it? What belongs to an unknown part would look like a stray. */
export function isKnown(member: Pick<Member, 'lease' | 'survey' | 'record' | 'mode'>, networks: readonly Prefix[]): boolean {
  if (isReadWithoutFlannel(member)) return true;
  const {lease, survey, record} = member;
  if (record !== undefined) return lease !== undefined || !record.lease.managed;
  const {families, subnetEnv} = survey.state;
  const looked = families.address !== undefined && subnetEnv !== undefined;
  return lease !== undefined && (looked || networks.every((network) => leaseOf(lease, familyOf(network)) !== undefined));
}

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

/** The length of pod subnets: as flannel's files say; where it keeps them to itself (Canal), as the routes to the peers have it. */
function commonLength(surveys: readonly NodeSurvey[], claims: Claims, networks: readonly Prefix[], family: Family): number | undefined {
  const lengths = surveys.flatMap((s) => {
    const env = s.state.subnetEnv;
    const subnet = env !== undefined && env !== 'none' ? (family === 4 ? env.subnet : env.ipv6Subnet) : undefined;
    return subnet === undefined ? [] : [lengthOf(subnet)];
  });
  if (lengths.length > 0) return mostCommon(lengths, String);
  const routed = [...claims.route.keys()].filter((dst) => familyOf(dst) === family && networks.some((n) => n !== dst && contains(n, dst)));
  return mostCommon(
    routed.flatMap((dst) => (lengthOf(dst) < (family === 4 ? 32 : 128) ? [lengthOf(dst)] : [])),
    String,
  );
}
