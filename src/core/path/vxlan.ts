import {sourceFor} from '../forwarding/source.js';
import type {Fdb} from '../kernel/fdb.js';
import {type Link, localOf} from '../kernel/link.js';
import {familyOf, type Ip, type Mac} from '../net/address.js';
import {isGood} from './disposition.js';
import {isImplied} from './listed.js';
import {input, output} from './namespace.js';
import {type InFlight, type Inner, UNLISTED} from './packet.js';
import {tap} from './tap.js';
import {adopt, type End, ended, fork, row, say, type Trip} from './trip.js';
import {sendable} from './tunnel-source.js';
import {holders, type Place} from './world.js';

/** What VXLAN adds to an inner IP packet: inner Ethernet 14, VXLAN 8, UDP 8, and the outer IP header 20 or 40; bytes. */
export const overheadOf = {4: 50, 6: 70} as const;

const unknownMac = '00:00:00:00:00:00';

/** A frame given to a VXLAN device: its FDB says where to (vxlan_xmit). Of several ends, for a flooded frame, one that takes it suffices. */
export function encapsulate(trip: Trip, place: Place, link: Link, mac: Mac, packet: InFlight): End {
  const {fdb} = place.state.tables;
  if (fdb === undefined)
    return ended(trip, place, 'fdb', 'unknown', `the forwarding entries of ${link.ifname} were not read`, {dev: link.ifname});
  const here = fdb.filter((f) => f.dev === link.ifname && f.dst !== undefined);
  const exact = here.filter((f) => f.mac === mac);
  const ends = exact.length > 0 ? exact : here.filter((f) => f.mac === unknownMac);
  const fixed = link.info?.['remote'] ?? link.info?.['remote6'];
  const lower = typeof link.info?.['link'] === 'string' ? {via: link.info['link']} : {};
  if (ends.length === 0 && typeof fixed === 'string' && familyOf(fixed) !== undefined)
    return tunnel(trip, place, link, {mac, dev: link.ifname, dst: fixed, flags: [], state: 'permanent', ...lower}, mac, packet);
  if (ends.length === 0)
    return ended(
      trip,
      place,
      'fdb',
      'no-fdb',
      `${link.ifname} of ${place.node} has no forwarding entry for ${mac}, nor one for unknown addresses`,
      {
        dev: link.ifname,
        evidence: [
          {
            node: place.node,
            command: place.own?.commands['bridge-fdb'] ?? 'bridge fdb show',
            lines: [`(no entry for ${mac} on ${link.ifname})`],
          },
        ],
      },
    );
  let last: {readonly leg: Trip; readonly end: End} | undefined;
  for (const end of ends) {
    const leg = fork(trip);
    last = {leg, end: tunnel(leg, place, link, end, mac, packet)};
    if (isGood(last.end.disposition) || last.end.needs !== undefined) break;
  }
  adopt(trip, last!.leg);
  return last!.end;
}

/**
 * Of a device that is bound to no address the kernel sends from the one that the route to the other end takes (udp_tunnel_dst_lookup). flannel
 * binds its own to the node's address, which is that one, where the device was not listed. Undefined where nobody printed whether it is bound.
 */
const sourceOf = (place: Place, link: Link, dst: Ip): Ip | undefined =>
  localOf(link) ?? (isImplied(link) || link.info?.['id'] !== undefined ? routedSource(place, dst) : undefined);

function routedSource(place: Place, dst: Ip): Ip {
  const found = sourceFor(place.state, {dst});
  return found === undefined || found === 'unknown' ? UNLISTED : found;
}

function tunnel(trip: Trip, place: Place, link: Link, entry: Fdb, mac: Mac, packet: InFlight): End {
  const dst = entry.dst!;
  const family = familyOf(dst);
  const local = sourceOf(place, link, dst);
  const vni = entry.vni ?? Number(link.info?.['id']);
  const port = entry.port ?? Number(link.info?.['port'] ?? 8472);
  say(trip, place, 'fdb', `${mac} is at ${dst}`, {
    dev: link.ifname,
    evidence: entry.origin ? row(place, 'fdb', entry) : row(place, 'link', link),
  });
  if (local === undefined || (local !== UNLISTED && familyOf(local) !== family))
    return ended(trip, place, 'encapsulate', 'unknown', `the source address of ${link.ifname} is not known`, {
      dev: link.ifname,
      evidence: row(place, 'link', link),
    });
  const barred = local === UNLISTED ? undefined : sendable(trip, place, link, local, dst);
  if (barred) return barred;
  const overhead = overheadOf[family];
  say(
    trip,
    place,
    'encapsulate',
    `VXLAN ${vni}: ${local === UNLISTED ? 'an address that was not listed' : local} → ${dst}, UDP ${port}, ${overhead} bytes more`,
    {
      dev: link.ifname,
      evidence: row(place, 'link', link),
    },
  );
  trip.overhead += overhead;
  const outer: InFlight = {
    family,
    src: local,
    dst,
    proto: 'udp',
    sport: 50_000,
    dport: port,
    size: packet.size + overhead,
    mark: packet.mark,
    ttl: 64,
    reply: false,
    inner: {via: 'vxlan', packet, vni, srcMac: link.address, dstMac: mac},
  };
  trip.wrapped = outer;
  // The device it is bound to counts only for its own remote address; an entry leads wherever its `via` or else the routes say.
  return output(trip, place, outer, entry.via);
}

/** A UDP packet for this node that may be a tunnel's: the device with this port and VNI takes it (vxlan_rcv). */
export function decapsulate(trip: Trip, place: Place, outer: InFlight, inner: Extract<Inner, {via: 'vxlan'}>): End {
  const devices = (place.state.tables.link ?? []).filter((l) => l.kind === 'vxlan');
  const open = devices.filter((l) => l.flags.includes('UP') && Number(l.info?.['port'] ?? 8472) === outer.dport);
  const ours = open.find(
    (l) =>
      l.info?.['external'] !== true &&
      Number(l.info?.['id']) === inner.vni &&
      (localOf(l) === undefined || familyOf(localOf(l)!) === outer.family),
  );
  const taken = open.find((l) => l.info?.['external'] === true);
  if (!ours || taken) {
    const down = devices.find((l) => Number(l.info?.['id']) === inner.vni && !l.flags.includes('UP'));
    const why = taken
      ? `${taken.ifname} of ${place.node} takes what comes to UDP ${outer.dport}`
      : down
        ? `${down.ifname} of ${place.node} is down, so nobody takes VXLAN ${inner.vni} on UDP ${outer.dport}`
        : `no device of ${place.node} takes VXLAN ${inner.vni} on UDP ${outer.dport}`;
    const shown = taken ?? down ?? devices.find((l) => Number(l.info?.['id']) === inner.vni);
    const nobody = holders(trip.world, outer.dst).length === 0;
    return ended(
      trip,
      place,
      'decapsulate',
      nobody ? 'wrong-tunnel-end' : 'no-tunnel',
      why,
      shown ? {dev: shown.ifname, evidence: row(place, 'link', shown)} : {},
    );
  }
  const said = {dev: ours.ifname, evidence: row(place, 'link', ours)};
  trip.overhead -= overheadOf[outer.family];
  if (inner.srcMac !== undefined && inner.srcMac === ours.address && !isImplied(ours))
    return ended(
      trip,
      place,
      'decapsulate',
      'wrong-vtep',
      `it comes from ${inner.srcMac}, the address of ${ours.ifname} of ${place.node} itself`,
      said,
    );
  // A frame for another hardware address is still shown to packet sockets before IP drops it.
  tap(trip, place, ours.ifname, 'in', inner.packet);
  if (inner.dstMac !== ours.address && !isImplied(ours))
    return ended(
      trip,
      place,
      'decapsulate',
      'wrong-vtep',
      `it is for ${inner.dstMac}, and ${ours.ifname} of ${place.node} is ${ours.address}`,
      said,
    );
  say(trip, place, 'decapsulate', `${ours.ifname} takes VXLAN ${inner.vni} from ${outer.src}`, said);
  return input(trip, place, ours.ifname, {...inner.packet, mark: 0});
}
