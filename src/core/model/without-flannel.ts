import type {Cloud} from '../cloud/cloud.js';
import type {Lease} from '../flannel/lease.js';
import type {NodeRecord, Records} from '../flannel/records.js';
import type {Mode} from '../modes/mode.js';
import {addressOf, type Family, familyOf, type Ip, type Prefix, tryIp, widthOf} from '../net/address.js';
import {contains, network, overlaps, partsOf} from '../net/prefix.js';
import type {Member} from './cluster.js';
import type {InventoryNode} from './inventory.js';
import {podsOnNode} from './pods-of-node.js';
import {type NodeSurvey, strongest} from './survey.js';

/** Do nodes show a mode that is not flannel's? Then nobody has published a lease, and records without any are as they should be. */
export const withoutFlannel = (surveys: readonly NodeSurvey[]): boolean =>
  surveys.some((s) => strongest(s).some((d) => d.mode.foreign === true)) &&
  !surveys.some((s) => strongest(s).some((d) => d.mode.foreign !== true && d.detection.weight > 1));

/**
 * The container network where no net-conf says it: what the cloud's route table is about, else the smallest prefix that all nodes' parts
 * are in; the parts alone where that would take in nodes' own networks.
 */
export function networksOfParts(surveys: readonly NodeSurvey[], records: Records | undefined, cloud: Cloud | undefined): readonly Prefix[] {
  const shown = surveys.filter((s) => strongest(s).some((d) => d.mode.foreign === true && d.mode.fabric === 'routes'));
  if (shown.length === 0) return [];
  const parts = [
    ...new Set([
      ...shown.flatMap((s) => [s.part?.[4], s.part?.[6]].filter((p) => p !== undefined)),
      ...(records?.nodes ?? []).flatMap((n) => [n.lease.subnet, n.lease.ipv6Subnet].filter((p) => p !== undefined)),
    ]),
  ];
  return ([4, 6] as const).flatMap((family): readonly Prefix[] => {
    const own = parts.filter((p) => familyOf(p) === family);
    if (own.length === 0) return [];
    const stated = (cloud?.tables ?? []).flatMap((t) => (t.cidr !== undefined && own.some((p) => contains(t.cidr!, p)) ? [t.cidr] : []));
    if (stated.length > 0) return [...new Set(stated)];
    const cover = covering(own, family);
    const inside = surveys.some((s) => s.addresses.some((a) => a.family === family && a.dev !== s.bridge && contains(cover, a.address)));
    return inside ? own.filter((p) => !own.some((q) => q !== p && overlaps(q, p) && contains(q, p))) : [cover];
  });
}

/** The longest prefix that all of these are in. */
function covering(parts: readonly Prefix[], family: Family): Prefix {
  const of = parts.map(partsOf);
  const firsts = of.map((p) => p.first);
  const least = firsts.reduce((a, b) => (a < b ? a : b));
  const most = firsts.reduce((a, b) => (a > b ? a : b));
  let bits = Math.min(...parts.map((p) => Number(p.slice(p.indexOf('/') + 1))));
  const width = widthOf(family);
  while (bits > 0 && least >> BigInt(width - bits) !== most >> BigInt(width - bits)) bits -= 1;
  return `${network(addressOf(least, family), bits)}/${bits}`;
}

/** A node where no flannel runs. What Global Router gives it stands for a lease; with addresses of the VPC there is nothing of the kind. */
export function memberWithoutFlannel(
  survey: NodeSurvey,
  mode: Mode,
  {listed, record, records}: {listed: InventoryNode | undefined; record: NodeRecord | undefined; records: Records | undefined},
): Member {
  // One that has lost its default route is still on the network that it was on.
  const name = survey.defaultDev[4] ?? survey.defaultDev[6] ?? survey.connectedDev?.[4] ?? survey.connectedDev?.[6];
  const uplink = survey.links.find((l) => l.ifname === name);
  const address = (family: Family): Ip | undefined => addressOn(survey, name, family, listed, record);
  const part = (family: Family): Prefix | undefined => {
    if (mode.fabric !== 'routes') return undefined;
    const stated = family === 4 ? record?.lease.subnet : record?.lease.ipv6Subnet;
    return stated ?? (family === 4 ? listed?.lease?.subnet : listed?.lease?.ipv6Subnet) ?? survey.part?.[family];
  };
  const [a4, a6, s4, s6] = [address(4), address(6), part(4), part(6)];
  const lease: Lease | undefined =
    s4 === undefined && s6 === undefined
      ? undefined
      : {
          node: survey.name,
          backendType: mode.type,
          ...(s4 !== undefined && {subnet: s4, ...(a4 !== undefined && {publicIP: a4})}),
          ...(s6 !== undefined && {ipv6Subnet: s6, ...(a6 !== undefined && {publicIPv6: a6})}),
        };
  const pods = new Set([
    ...(survey.pods ?? []).map((p) => p.address),
    ...podsOnNode(records, record?.name ?? survey.name)
      .flatMap((p) => p.ips)
      .filter((ip) => ![s4, s6].some((s) => s !== undefined && contains(s, ip))),
  ]);
  const addresses = [a4, a6].filter((a) => a !== undefined);
  return {
    name: survey.name,
    survey,
    ...(lease && {lease}),
    ...(uplink && {uplink: {name: uplink.ifname, mtu: uplink.mtu}}),
    ...(survey.detections.length > 0 && {mode}),
    ...(addresses.length > 0 && {addresses}),
    ...(pods.size > 0 && {pods: [...pods]}),
  };
}

/** The node's own address: as Kubernetes has it, as an inventory says, else the first of the node's own interface. */
function addressOn(
  survey: NodeSurvey,
  uplink: string | undefined,
  family: Family,
  listed: InventoryNode | undefined,
  record: NodeRecord | undefined,
): Ip | undefined {
  const of = (ip: Ip | undefined): boolean => ip !== undefined && familyOf(ip) === family;
  const internal = record?.addresses?.find((a) => a.type === 'InternalIP' && of(tryIp(a.address)))?.address;
  const stated = family === 4 ? listed?.lease?.publicIP : listed?.lease?.publicIPv6;
  const host = listed?.host === undefined ? undefined : tryIp(listed.host);
  return (
    internal ??
    stated ??
    survey.addresses.find((a) => a.dev === uplink && a.family === family)?.address ??
    (of(host) && survey.addresses.every((a) => a.family !== family) ? host : undefined)
  );
}

/** Was enough of it read to know its pods? What belongs to others would look like a stray. */
export const isReadWithoutFlannel = ({mode, lease, survey}: Pick<Member, 'mode' | 'lease' | 'survey'>): boolean =>
  mode?.foreign === true && (mode.fabric === 'routes' ? lease !== undefined : survey.looksAt.routes && survey.looksAt.rules);
