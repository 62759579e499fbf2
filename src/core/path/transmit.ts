import type {Link} from '../kernel/link.js';
import type {Ip, Mac} from '../net/address.js';
import {bridged, toPort} from './bridge.js';
import {input} from './namespace.js';
import type {Neighbour} from './neighbour.js';
import type {InFlight} from './packet.js';
import {tap} from './tap.js';
import {type End, ended, row, say, type Trip} from './trip.js';
import {onWire} from './underlay.js';
import {encapsulate} from './vxlan.js';
import {type Interface, isWire, type Place, placeName, podBehind, portOf} from './world.js';

/** The kernel lets a frame of a VLAN's tag more pass to a device than its MTU says (is_skb_forwardable). */
export const VLAN_TAG = 4;

/** Puts a frame on a link: a veth, a bridge, a tunnel or a wire. The device is up, the neighbour known. */
export function transmit(
  trip: Trip,
  place: Place,
  link: Link,
  next: Exclude<Neighbour, {kind: 'none' | 'needs'}>,
  nexthop: Ip,
  packet: InFlight,
): End {
  const mac = next.mac;
  // Neighbour discovery between pods passes the same bridge and its firewall: what drops the packet may drop the question before it.
  const asks = packet.family === 6 && next.kind === 'mac' && next.row === undefined && next.owner?.place.pod !== undefined;
  const maybe = mac === undefined || asks;
  tap(trip, place, link.ifname, 'out', packet, maybe);
  if (link.kind === 'vxlan' && mac !== undefined) return encapsulate(trip, place, link, mac, packet);
  if (link.kind === 'bridge' && mac !== undefined) return bridged(trip, place, link, undefined, mac, packet);
  if (place.pod !== undefined && mac !== undefined && !isWire(trip.world, place, link)) {
    const port = portOf(trip.world, place, link);
    if (!port)
      return ended(trip, place, 'link', 'unknown', `the node's end of ${link.ifname} of ${placeName(place)} was not found`, {
        evidence: row(place, 'link', link),
      });
    return fromPod(trip, port, mac, packet, maybe);
  }
  if (mac !== undefined && podBehind(trip.world, place, link)) return toPort(trip, place, link, mac, packet);
  return onWire(trip, place, link, next, nexthop, packet);
}

/** A frame from a pod at the node's end of its veth. */
function fromPod(trip: Trip, {place: node, link: port}: Interface, mac: Mac, packet: InFlight, maybe: boolean): End {
  const dropped = arrives(trip, {place: node, link: port}, packet);
  if (dropped) return dropped;
  tap(trip, node, port.ifname, 'in', packet, maybe);
  if (port.master === undefined) {
    say(trip, node, 'link', `${port.ifname}, on no bridge`, {dev: port.ifname, evidence: row(node, 'link', port)});
    if (port.address !== mac)
      return ended(trip, node, 'bridge', 'bridge-port', `${port.ifname} is on no bridge, and ${mac} is not its own address`, {
        dev: port.ifname,
        evidence: row(node, 'link', port),
      });
    return input(trip, node, port.ifname, packet);
  }
  const bridge = node.state.tables.link?.find((l) => l.ifname === port.master);
  if (!bridge) return ended(trip, node, 'bridge', 'bridge-port', `${port.master}, the bridge of ${port.ifname}, is not there`);
  return bridged(trip, node, bridge, port, mac, packet);
}

/** Does the receiving end of a veth take the frame? It must be up and its MTU not smaller. */
export function arrives(trip: Trip, {place, link}: Interface, packet: InFlight): End | undefined {
  if (!link.flags.includes('UP'))
    return ended(trip, place, 'link', 'device-down', `${link.ifname} of ${placeName(place)} is down`, {
      dev: link.ifname,
      evidence: row(place, 'link', link),
    });
  if (link.mtu === 0) return undefined;
  // A tunnel's packet that may be cut comes in fragments.
  if (packet.inner === undefined || !packet.cuttable) trip.limit = Math.min(trip.limit, link.mtu - trip.overhead);
  return packet.size > link.mtu + VLAN_TAG
    ? ended(
        trip,
        place,
        'link',
        'too-big',
        `${link.ifname} of ${placeName(place)} takes ${link.mtu} bytes and drops ${packet.size} without a word`,
        {dev: link.ifname, evidence: row(place, 'link', link)},
      )
    : undefined;
}
