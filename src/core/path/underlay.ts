import type {Link} from '../kernel/link.js';
import type {Ip} from '../net/address.js';
import {cross} from './fabric/cross.js';
import {isFabric} from './fabric/owner.js';
import {isImplied} from './listed.js';
import {isLocal} from './local.js';
import {input} from './namespace.js';
import type {Neighbour} from './neighbour.js';
import {type InFlight, shownLink} from './packet.js';
import {tap} from './tap.js';
import {arrives} from './transmit.js';
import {type End, ended, say, type Trip} from './trip.js';
import {unreadPeer} from './unread-peer.js';
import {holders, type Interface, isPodAddress, isUp, isWire, onOneWire, type Place} from './world.js';

type Next = Exclude<Neighbour, {kind: 'none' | 'needs'}>;

/** A frame on the wire between machines: to the member that has the hardware address, or to a router that nobody can look into. */
export function onWire(trip: Trip, place: Place, link: Link, next: Next, nexthop: Ip, packet: InFlight): End {
  const {world} = trip;
  if (next.kind === 'mac') {
    if (next.owner) return toMember(trip, next.owner, packet, 'observed');
    // A permanent row: whoever has that address gets it, right or wrong.
    for (const member of world.cluster.members) {
      if (member.name === place.node) continue;
      const device = member.survey.links.find(
        (l) => l.address === next.mac && l.master === undefined && onOneWire(world, place, link, member, l.ifname),
      );
      if (!device) continue;
      const node = world.nodes.get(member.name);
      if (!node) return {disposition: 'unknown', because: `${member.name} was not read yet`, needs: member.name};
      return toMember(trip, {place: node, link: device}, packet, 'observed');
    }
    const [held] = holders(world, nexthop);
    if (held)
      return ended(
        trip,
        'underlay',
        'underlay',
        'wrong-neighbour',
        `nobody on the wire of ${link.ifname} has ${next.mac}; ${nexthop} is ${held.name}`,
        {
          evidence: next.row
            ? [
                {
                  node: place.node,
                  command: next.row.origin?.command ?? 'ip neigh show',
                  lines: [`${next.row.dst} dev ${next.row.dev} lladdr ${next.row.lladdr}`],
                },
              ]
            : [],
        },
      );
  }
  if (isFabric(world, place, packet.dst, packet.src)) return cross(trip, {place, link}, packet);
  return throughRouter(trip, packet, packet.dst === nexthop ? undefined : nexthop);
}

/**
 * Beyond a router nothing is gathered. What it does with a member's address is inferred; of pod addresses it knows nothing in any mode that
 * leaves the routes to the nodes; all else leaves the cluster. Without a router the packet is for an outside host on the same wire.
 */
export function throughRouter(trip: Trip, packet: InFlight, router: Ip | undefined): End {
  const {world} = trip;
  const name = router === undefined ? 'the wire' : `router ${router}`;
  const [member] = holders(world, packet.dst);
  const peer = member ? undefined : unreadPeer(trip, packet, router);
  if (peer) return peer;
  if (packet.inner && !member)
    return ended(trip, 'underlay', 'underlay', 'wrong-tunnel-end', `${packet.dst}, where the tunnel sends it, is no node's address`, {
      certainty: 'declared',
    });
  if (member) {
    const node = world.nodes.get(member.name);
    if (!node) return {disposition: 'unknown', because: `${member.name} was not read yet`, needs: member.name};
    const dev = member.survey.addresses.find((a) => a.address === packet.dst)!.dev;
    const device = node.state.tables.link?.find((l) => l.ifname === dev && isUp(l) && isWire(world, node, l));
    const wire = device ?? node.state.tables.link?.find((l) => isUp(l) && isWire(world, node, l) && member.uplink?.name === l.ifname);
    if (!isPodAddress(world, packet.dst) && wire && isLocal(node, packet.dst) !== false) {
      say(trip, 'underlay', 'underlay', `${name}, nobody can look into, forwards to ${packet.dst}`, {certainty: 'inferred'});
      return toMember(trip, {place: node, link: wire}, packet, 'inferred');
    }
    if (!isPodAddress(world, packet.dst))
      return ended(
        trip,
        'underlay',
        'underlay',
        'no-neighbour',
        `${member.name} has ${packet.dst}, but no device that is up answers for it`,
      );
  }
  if (isPodAddress(world, packet.dst))
    return ended(
      trip,
      'underlay',
      'underlay',
      'no-route',
      `${name} knows nothing of the pod address ${packet.dst}: routes to pods are on the nodes`,
      {certainty: 'declared'},
    );
  say(trip, 'underlay', 'underlay', `${name}; what is beyond was not gathered`, {certainty: 'inferred'});
  return {disposition: 'left-cluster', because: `it leaves the cluster through ${name}`, packet};
}

/** In by a member's device on the wire. */
function toMember(trip: Trip, at: Interface, packet: InFlight, certainty: 'observed' | 'inferred'): End {
  const dropped = arrives(trip, at, packet);
  if (dropped) return dropped;
  tap(trip, at.place, at.link.ifname, 'in', packet);
  say(trip, at.place, 'receive', shownLink(at.link), {dev: at.link.ifname, certainty: isImplied(at.link) ? 'inferred' : certainty});
  return input(trip, at.place, at.link.ifname, {...packet, mark: 0});
}
