import type {Link} from '../../kernel/link.js';
import {attachmentsOf} from '../../model/attachment.js';
import type {Ip, Mac} from '../../net/address.js';
import {input} from '../namespace.js';
import {type InFlight, shownLink} from '../packet.js';
import {tap} from '../tap.js';
import {arrives} from '../transmit.js';
import {type End, type Evidence, ended, everyLeg, say, type Trip} from '../trip.js';
import {type Interface, isUp, isWire, type Place, placeName} from '../world.js';
import type {Crossing} from './crossing.js';
import {deniedAt, notGiven} from './groups.js';
import {type Lead, leads} from './lead.js';
import {barredOut, interfaceOf} from './source.js';

/** Where a packet enters the network: out of a device of a node or a pod, or from a machine of which nothing was gathered. */
export type Edge = {readonly place: Place; readonly link: Link} | {readonly machine: Ip};

/**
 * Into a cloud's network and out of it again. It leads by the destination alone, and nobody sees how: the step says which row or interface
 * decides, or would have to, and both edges are the nodes' own facts.
 */
export function cross(trip: Trip, edge: Edge, packet: InFlight): End {
  if ('place' in edge) {
    const barred = barredOut(trip, edge.place, edge.link, packet);
    if (barred) return barred;
  }
  const from =
    'machine' in edge
      ? edge.machine
      : `${edge.place.pod === undefined ? edge.place.node : `${edge.place.node}/${edge.place.pod}`}/${edge.link.ifname}`;
  const key = `${from} ${packet.src} ${packet.dst}`;
  if (trip.crossed?.includes(key))
    return ended(
      trip,
      'underlay',
      'fabric',
      'looped',
      `${from} sends back into the network what came from there, and gets it again until its TTL ends; a cloud that checks sources drops it`,
      {certainty: 'inferred'},
    );
  trip.crossed = [...(trip.crossed ?? []), key];
  const ways = leads(trip.world, {address: senderOf(trip, edge, packet)}, packet.dst);
  return everyLeg(
    trip,
    ways,
    ({decides}) => decides.row,
    (leg, lead) => follow(leg, from, lead, packet),
  );
}

/** The sender as route tables know him: by an address of the interface that the packet leaves. */
function senderOf(trip: Trip, edge: Edge, packet: InFlight): Ip | undefined {
  if ('machine' in edge) return edge.machine;
  const {place, link} = edge;
  const eni = interfaceOf(trip, place, link);
  const known = eni?.addresses.find((a) => a.primary) ?? eni?.addresses[0];
  const held = place.state.tables.address?.find((a) => a.dev === link.ifname && a.family === packet.family && a.scope === 'global');
  return known?.address ?? held?.local ?? packet.src;
}

function follow(trip: Trip, from: string, lead: Lead, packet: InFlight): End {
  const {world} = trip;
  if (lead.to === 'nowhere') {
    const end = ended(trip, 'underlay', 'fabric', lead.disposition, lead.because, {certainty: lead.status, evidence: evidenceOf(lead)});
    crossing(trip, from, null, lead, packet);
    return end;
  }
  const shut = deniedAt(trip, lead, packet);
  if (shut) {
    crossing(trip, from, null, lead, packet);
    return shut;
  }
  if (lead.to === 'beyond') {
    say(trip, 'underlay', 'fabric', told(lead, lead.what), {certainty: lead.status, evidence: evidenceOf(lead)});
    crossing(trip, from, null, lead, packet);
    if (lead.astray !== undefined) return ended(trip, 'underlay', 'fabric', 'no-listener', lead.astray, {certainty: lead.status});
    return {disposition: 'left-cluster', because: lead.what, packet};
  }
  const node = world.nodes.get(lead.node);
  if (!node) return {disposition: 'unknown', because: `${lead.node} was not read yet`, needs: lead.node};
  const at = arrivalAt(trip, node, lead, packet);
  const to = at && `${at.place.pod === undefined ? at.place.node : `${at.place.node}/${at.place.pod}`}/${at.link.ifname}`;
  say(trip, 'underlay', 'fabric', told(lead, `to ${to ?? lead.node}`), {certainty: lead.status, evidence: evidenceOf(lead)});
  crossing(trip, from, to ?? lead.node, lead, packet);
  if (lead.astray !== undefined) say(trip, 'underlay', 'fabric', lead.astray, {certainty: lead.status});
  if (!at) return noArrival(trip, node, lead, packet.dst);
  const dropped = arrives(trip, at, packet);
  if (dropped) return dropped;
  tap(trip, at.place, at.link.ifname, 'in', packet);
  // That the packet comes in here rests on the hop before; the device is a fact.
  say(trip, at.place, 'receive', shownLink(at.link), {dev: at.link.ifname});
  return input(trip, at.place, at.link.ifname, {...packet, mark: 0});
}

const told = ({decides}: Lead, where: string): string => `${decides.would ? 'would be ' : ''}${decides.row}: ${where}`;

const evidenceOf = ({decides, source, takenAt}: Lead): Evidence =>
  decides.would
    ? []
    : [
        {
          node: 'underlay',
          command: `${source ?? 'the cloud'}${takenAt === null ? '' : `, of ${takenAt}`}`,
          lines: [`${decides.table === null ? '' : `${decides.table}: `}${decides.row}`],
        },
      ];

/** Adds to the last step what was decided in the network. */
function crossing(trip: Trip, from: string, to: string | null, lead: Lead, packet: InFlight): void {
  const {status, decides, source, takenAt} = lead;
  const made: Crossing = {
    ...{status, from, to, decides, source, takenAt},
    inferred: trip.world.cluster.mode?.inside ?? [],
    refutedBy: to === null ? [] : [`no packet on ${to} while ${from} sends`, ...notGiven(trip.world.cluster.cloud, lead, packet)],
  };
  trip.steps.push({...trip.steps.pop()!, crossing: made});
}

/** The device by which it comes in: the interface that the cloud names, else the one that has the address or that the pod's rules use. */
function arrivalAt(trip: Trip, node: Place, lead: Extract<Lead, {to: 'node'}>, packet: InFlight): Interface | undefined {
  const {eni, ip} = lead;
  const pods = trip.world.pods.get(node.node) ?? [];
  const places = [node, ...pods];
  const outward = (place: Place, link: Link): boolean => isWire(trip.world, place, link);
  const found = (test: (place: Place, link: Link) => boolean): Interface | undefined => {
    for (const place of places)
      for (const link of place.state.tables.link ?? []) if (outward(place, link) && test(place, link)) return {place, link};
    return undefined;
  };
  const holds = (address: Ip) => (place: Place, link: Link) =>
    place.state.tables.address?.some((a) => a.dev === link.ifname && a.local === address) === true;
  if (eni) {
    const byMac = eni.mac === undefined ? undefined : found((_place, link) => link.address === eni.mac);
    if (byMac || (eni.mac !== undefined && macsRead(places))) return byMac;
    const first = eni.addresses.find((a) => a.primary)?.address;
    const byAddress = first === undefined ? undefined : found(holds(first));
    if (byAddress) return byAddress;
  }
  const own = node.own && attachmentsOf(node.own).find((a) => a.address === packet.dst);
  if (own?.kind === 'exclusive' || own?.kind === 'exclusive-veth')
    return found((place, link) => place.pod === own.pod && holds(packet.dst)(place, link));
  if (own?.kind === 'policy') {
    const eniOf = own.eni ?? attachmentsOf(node.own!).find((a) => a.eni !== undefined)?.eni;
    const device = eniOf === undefined ? undefined : found((place, link) => place === node && link.ifname === eniOf);
    if (device) return device;
  }
  const byIp = ip === undefined ? undefined : found(holds(ip));
  if (byIp) return byIp;
  const member = trip.world.cluster.members.find((m) => m.name === node.node);
  const dev = member?.survey.defaultDev[packet.family] ?? member?.uplink?.name;
  return found((place, link) => place === node && link.ifname === dev) ?? found((place, link) => place === node && isUp(link));
}

const macsRead = (places: readonly Place[]): boolean =>
  places.every((p) => p.state.tables.link?.some((l: {readonly address?: Mac}) => l.address !== undefined));

function noArrival(trip: Trip, node: Place, {eni}: Extract<Lead, {to: 'node'}>, dst: Ip): End {
  const own = node.own && attachmentsOf(node.own).find((a) => a.address === dst);
  if (own?.kind.startsWith('exclusive') && own.pod === undefined)
    return ended(trip, node, 'receive', 'unknown', `${dst} is in the namespace of a pod of ${node.node} that was not read`);
  const what = eni ? `${eni.id}${eni.mac === undefined ? '' : ` (${eni.mac})`}` : `an interface for ${dst}`;
  return ended(trip, node, 'receive', 'device-down', `${placeName(node)} has no device that is ${what}`);
}
