import {leaseOf} from '../flannel/lease.js';
import type {Link} from '../kernel/link.js';
import {contains} from '../net/prefix.js';
import {input, output} from './namespace.js';
import type {InFlight, Inner} from './packet.js';
import {tap} from './tap.js';
import {type End, ended, row, say, type Trip} from './trip.js';
import {sendable} from './tunnel-source.js';
import type {Place} from './world.js';

/** What flannel's udp backend adds: IPv4 20 and UDP 8, bytes. */
export const OVERHEAD = 28;
export const DEFAULT_PORT = 8285;

/** flanneld takes the first free name of this form. */
export const isOurs = ({kind, ifname}: Link): boolean => kind === 'tun' && /^flannel\d+$/.test(ifname);

/** flanneld's socket: told by its process, or else by the port of the configuration. */
const socketOf = (trip: Trip, {own}: Place) => {
  const port = configured(trip);
  return own?.sockets?.find((s) => s.process?.includes('flanneld')) ?? own?.sockets?.find((s) => s.port === port && s.v6 !== true);
};
const configured = ({world: {cluster}}: Trip): number =>
  (cluster.mode?.devicesBy === 'process' ? cluster.settings?.port : undefined) ?? DEFAULT_PORT;

/**
 * A packet given to a TUN device: who reads it nobody can see but by its name. flanneld sends it in UDP to the node whose lease its
 * destination is in, whatever that lease's type, with one hop less to live (flannel pkg/backend/udp/proxy_amd64.c). What it knows of leases is
 * in its memory: the leases that everybody else knows stand for it.
 */
export function encapsulate(trip: Trip, place: Place, link: Link, packet: InFlight): End {
  const {cluster} = trip.world;
  const said = {dev: link.ifname, evidence: row(place, 'link', link)};
  if (!isOurs(link))
    return ended(trip, place, 'link', 'unknown', `where ${link.ifname} (tun) leads cannot be seen: a program reads it`, said);
  const owner = cluster.members.find(
    (m) => m.name !== place.node && m.lease?.subnet !== undefined && m.lease.publicIP !== undefined && contains(m.lease.subnet, packet.dst),
  );
  if (!owner)
    return cluster.complete
      ? ended(
          trip,
          place,
          'peer',
          'no-peer',
          `flanneld behind ${link.ifname} knows no lease with ${packet.dst}: it answers net unreachable`,
          said,
        )
      : ended(
          trip,
          place,
          'peer',
          'unknown',
          `which node flanneld behind ${link.ifname} sends ${packet.dst} to is in its memory alone`,
          said,
        );
  const lease = leaseOf(owner.lease!, 4)!;
  say(trip, place, 'peer', `flanneld behind ${link.ifname}: ${lease.subnet} is ${owner.name}, ${lease.publicIP}`, {
    ...said,
    certainty: 'inferred',
  });
  const ttl = packet.ttl - 1;
  if (ttl <= 0) return ended(trip, place, 'encapsulate', 'looped', 'flanneld drops it without a word: its TTL ends', said);
  const socket = socketOf(trip, place);
  const self = cluster.members.find((m) => m.name === place.node);
  const bound = socket && socket.local !== '0.0.0.0' ? socket.local : undefined;
  const src = bound ?? self?.survey.addresses.find((a) => a.dev === self.uplink?.name && !a.address.includes(':'))?.address;
  const barred = sendable(trip, place, link, src, lease.publicIP);
  if (barred) return barred;
  if (src === undefined) return ended(trip, place, 'encapsulate', 'unknown', `the address that flanneld sends from is not known`, said);
  const port = socket?.port ?? configured(trip);
  say(trip, place, 'encapsulate', `UDP in user space: ${src} → ${lease.publicIP}, UDP ${port}, ${OVERHEAD} bytes more`, {
    ...said,
    certainty: 'inferred',
  });
  trip.overhead += OVERHEAD;
  const outer: InFlight = {
    family: 4,
    src,
    dst: lease.publicIP,
    proto: 'udp',
    sport: port,
    dport: port,
    size: packet.size + OVERHEAD,
    mark: 0,
    ttl: 64,
    reply: false,
    // A socket that asks for nothing else has its packets cut by its own node.
    cuttable: true,
    inner: {via: 'udp', packet: {...packet, ttl}},
  };
  trip.wrapped = outer;
  return output(trip, place, outer);
}

/** UDP for this node that flanneld may take: it writes what is inside to its TUN device. Its buffer is as long as the device's MTU. */
export function decapsulate(trip: Trip, place: Place, outer: InFlight, {packet}: Inner): End {
  const link = place.state.tables.link?.find((l) => isOurs(l));
  const {own} = place;
  const open = own?.sockets?.some((s) => s.port === outer.dport && (s.local === outer.dst || s.local === '0.0.0.0' || s.local === '::'));
  const said = link ? {dev: link.ifname, evidence: row(place, 'link', link)} : {};
  if (!link || open === false || !link.flags.includes('UP')) {
    const why = link
      ? open === false
        ? `nobody on ${place.node} listens on UDP ${outer.dport}`
        : `${link.ifname} of ${place.node} is down`
      : `${place.node} has no TUN device of flanneld's: flanneld of this backend does not run there`;
    return ended(trip, place, 'decapsulate', 'no-tunnel', why, said);
  }
  trip.overhead -= OVERHEAD;
  if (link.mtu > 0 && packet.size > link.mtu)
    return ended(
      trip,
      place,
      'decapsulate',
      'too-big',
      `flanneld of ${place.node} reads ${link.mtu} bytes and cuts off the rest of ${packet.size}`,
      said,
    );
  const ttl = packet.ttl - 1;
  if (ttl <= 0) return ended(trip, place, 'decapsulate', 'looped', 'flanneld drops it without a word: its TTL ends', said);
  tap(trip, place, link.ifname, 'in', packet);
  say(trip, place, 'decapsulate', `flanneld takes UDP ${outer.dport} from ${outer.src} and writes it to ${link.ifname}`, {
    ...said,
    certainty: 'inferred',
  });
  return input(trip, place, link.ifname, {...packet, ttl, mark: 0});
}
