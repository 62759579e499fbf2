import {type Link, localOf} from '../kernel/link.js';
import type {Ip} from '../net/address.js';
import {input, output} from './namespace.js';
import type {InFlight, Inner} from './packet.js';
import {tap} from './tap.js';
import {type End, ended, row, say, type Trip} from './trip.js';
import {sendable} from './tunnel-source.js';
import type {Place} from './world.js';

/** What IPIP adds: an IPv4 header, bytes. */
export const OVERHEAD = 20;

const remoteOf = (link: Link): Ip | undefined => {
  const remote = link.info?.['remote'];
  return typeof remote === 'string' && remote !== 'any' && remote !== '0.0.0.0' ? remote : undefined;
};
const ownOf = (link: Link): Ip | undefined => {
  const local = localOf(link);
  return local === 'any' || local === '0.0.0.0' ? undefined : local;
};

/**
 * A packet given to an IPIP device (ipip_tunnel_xmit, ip_tunnel_xmit): its other end, or without one the gateway of the route is the outer
 * destination. The outer header takes TTL and DF of the inner one.
 */
export function encapsulate(trip: Trip, place: Place, link: Link, gateway: Ip | undefined, packet: InFlight): End {
  const said = {dev: link.ifname, evidence: row(place, 'link', link)};
  if (packet.family === 6)
    return ended(trip, place, 'encapsulate', 'no-tunnel', `${link.ifname} carries IPv4 only, and the packet is IPv6`, said);
  const dst = remoteOf(link) ?? gateway ?? packet.dst;
  const local = ownOf(link);
  const barred = sendable(trip, place, link, local, dst);
  if (barred) return barred;
  if (local === undefined) return ended(trip, place, 'encapsulate', 'unknown', `the source address of ${link.ifname} is not known`, said);
  const ttl = Number(link.info?.['ttl']) || packet.ttl;
  say(trip, place, 'encapsulate', `IPIP: ${local} → ${dst}, protocol 4, ${OVERHEAD} bytes more`, said);
  trip.overhead += OVERHEAD;
  const outer: InFlight = {
    family: 4,
    src: local,
    dst,
    proto: 'ipip',
    size: packet.size + OVERHEAD,
    mark: packet.mark,
    ttl,
    reply: false,
    ...(packet.cuttable && {cuttable: true}),
    inner: {via: 'ipip', packet},
  };
  trip.wrapped = outer;
  const lower = link.info?.['link'] ?? link.link;
  return output(trip, place, outer, typeof lower === 'string' ? lower : undefined);
}

/**
 * Which device takes protocol 4 (ip_tunnel_lookup): of those that are up the one with both addresses, with the other end's, with its own, or
 * with neither, then one that is told from outside what to do, and last tunl0. In each round a device bound to the one it came in by goes before others.
 */
export function deviceFor(links: readonly Link[], iif: string, src: Ip, dst: Ip): Link | undefined {
  const devices = links.filter((l) => l.kind === 'ipip' && l.flags.includes('UP'));
  const named = devices.filter((l) => l.ifname !== 'tunl0' && l.info?.['external'] !== true);
  const rounds: readonly ((l: Link) => boolean)[] = [
    (l) => ownOf(l) === dst && remoteOf(l) === src,
    (l) => ownOf(l) === undefined && remoteOf(l) === src,
    (l) => ownOf(l) === dst && remoteOf(l) === undefined,
    (l) => ownOf(l) === undefined && remoteOf(l) === undefined,
  ];
  const lower = (l: Link): unknown => l.info?.['link'] ?? l.link;
  const bound = rounds.flatMap((fits) => named.filter((l) => fits(l) && lower(l) === iif));
  const any = rounds.flatMap((fits) => named.filter((l) => fits(l) && lower(l) !== iif));
  return bound[0] ?? any[0] ?? devices.find((l) => l.info?.['external'] === true) ?? devices.find((l) => l.ifname === 'tunl0');
}

/** Protocol 4 for this node. */
export function decapsulate(trip: Trip, place: Place, iif: string, outer: InFlight, inner: Inner): End {
  const links = place.state.tables.link ?? [];
  const taken = deviceFor(links, iif, outer.src, outer.dst);
  if (!taken) {
    const shown = links.find((l) => l.kind === 'ipip' && l.ifname !== 'tunl0') ?? links.find((l) => l.kind === 'ipip');
    const why =
      shown === undefined
        ? `${place.node} has no IPIP device`
        : shown.flags.includes('UP')
          ? `no IPIP device of ${place.node} takes protocol 4 from ${outer.src} to ${outer.dst}`
          : `${shown.ifname} of ${place.node} is down, so nobody takes protocol 4`;
    return ended(trip, place, 'decapsulate', 'no-tunnel', why, shown ? {dev: shown.ifname, evidence: row(place, 'link', shown)} : {});
  }
  trip.overhead -= OVERHEAD;
  tap(trip, place, taken.ifname, 'in', inner.packet);
  say(trip, place, 'decapsulate', `${taken.ifname} takes protocol 4 from ${outer.src}`, {
    dev: taken.ifname,
    evidence: row(place, 'link', taken),
  });
  return input(trip, place, taken.ifname, {...inner.packet, mark: 0});
}
