import type {Link} from '../kernel/link.js';
import type {Mac} from '../net/address.js';
import {input, routeIn} from './namespace.js';
import {throughHook} from './netfilter.js';
import type {InFlight} from './packet.js';
import {arrives, VLAN_TAG} from './transmit.js';
import {doubt, type End, ended, row, say, type Trip} from './trip.js';
import {carries, isUp, linkOf, type Place, placeName, podBehind, portsOf} from './world.js';

/** A frame on a node's bridge, from one of its ports or (`from` undefined) from the node itself. */
export function bridged(trip: Trip, node: Place, bridge: Link, from: Link | undefined, mac: Mac, packet: InFlight): End {
  const said = (link: Link) => ({dev: link.ifname, evidence: row(node, 'link', link)});
  if (!isUp(bridge)) return ended(trip, node, 'bridge', 'device-down', `${bridge.ifname} of ${node.node} is down`, said(bridge));
  if (from && !carries(from))
    return ended(
      trip,
      node,
      'bridge',
      'bridge-port',
      `the port ${from.ifname} of ${bridge.ifname} is ${isUp(from) ? String(from.port?.['state']) : 'down'}`,
      said(from),
    );
  if (from) say(trip, node, 'bridge', `${from.ifname}, port of ${bridge.ifname}`, said(from));
  const filtered =
    from !== undefined && node.own?.sysctl?.get(`net/bridge/bridge-nf-call-${packet.family === 4 ? 'iptables' : 'ip6tables'}`) === '1';
  if (from && isOwn(node, bridge, mac)) return input(trip, node, bridge.ifname, packet, filtered ? from.ifname : undefined);
  const port = portFor(trip, node, bridge, mac);
  if (!port) return ended(trip, node, 'bridge', 'wrong-neighbour', `nobody on ${bridge.ifname} of ${node.node} has ${mac}`, said(bridge));
  if (port === from && port.port?.['hairpin'] !== true)
    return ended(trip, node, 'bridge', 'bridge-port', `${mac} is behind the port it came from, and hairpin is off`, said(port));
  if (from?.port?.['isolated'] === true && port.port?.['isolated'] === true)
    return ended(trip, node, 'bridge', 'bridge-port', `${from.ifname} and ${port.ifname} are both isolated`, said(port));
  const entry = node.state.tables.fdb?.find((f) => f.mac === mac && f.dev === port.ifname);
  say(trip, node, 'fdb', `${mac} is behind ${port.ifname}`, {
    dev: port.ifname,
    evidence: entry ? row(node, 'fdb', entry) : row(node, 'link', port),
  });
  if (!filtered) return onPort(trip, node, port, mac, packet);
  return throughRules(trip, node, bridge, from, port, mac, packet);
}

/** br_netfilter: what is bridged from port to port passes the same chains as what is routed. */
function throughRules(trip: Trip, node: Place, bridge: Link, from: Link, port: Link, mac: Mac, before: InFlight): End {
  const pre = throughHook(trip, node, 'prerouting', before, {iif: bridge.ifname, physdev: {in: from.ifname}});
  if (pre.end) return pre.end;
  if (pre.packet.dst !== before.dst) {
    // A new destination makes it a packet for the routing of the node.
    return routeIn(trip, node, bridge.ifname, pre.packet, {in: from.ifname});
  }
  const physdev = {in: from.ifname, out: port.ifname};
  const forward = throughHook(trip, node, 'forward', pre.packet, {iif: bridge.ifname, oif: bridge.ifname, physdev});
  if (forward.end) return forward.end;
  const post = throughHook(trip, node, 'postrouting', forward.packet, {iif: bridge.ifname, oif: bridge.ifname, physdev});
  return post.end ?? onPort(trip, node, port, mac, post.packet);
}

/** The bridge takes what is addressed to itself and to any of its ports. */
const isOwn = (node: Place, bridge: Link, mac: Mac): boolean =>
  bridge.address === mac || (node.state.tables.link ?? []).some((l) => l.master === bridge.ifname && l.address === mac);

/** Where a frame for this address goes: a fixed entry says, else the port behind which the address is (it is flooded, or learnt). */
function portFor(trip: Trip, node: Place, bridge: Link, mac: Mac): Link | undefined {
  const fixed = node.state.tables.fdb?.find(
    (f) => f.mac === mac && f.master === bridge.ifname && (f.state === 'static' || f.state === 'permanent'),
  );
  if (fixed) return linkOf(node, fixed.dev);
  const ports = portsOf(node, bridge.ifname);
  const known = ports.find((port) => podBehind(trip.world, node, port)?.link.address === mac);
  if (known) return known;
  const learnt = node.state.tables.fdb?.find((f) => f.mac === mac && f.master === bridge.ifname);
  const port = ports.find((p) => p.ifname === learnt?.dev);
  return port && podBehind(trip.world, node, port) === undefined ? port : undefined;
}

/** Out of a port; a bridge drops what is too large for it and tells nobody. */
function onPort(trip: Trip, node: Place, port: Link, mac: Mac, packet: InFlight): End {
  if (!carries(port))
    return ended(trip, node, 'bridge', 'bridge-port', `the port ${port.ifname} is not forwarding`, {
      dev: port.ifname,
      evidence: row(node, 'link', port),
    });
  if (port.mtu > 0) trip.limit = Math.min(trip.limit, port.mtu - trip.overhead);
  if (port.mtu > 0 && packet.size > port.mtu + VLAN_TAG)
    return ended(
      trip,
      node,
      'bridge',
      'too-big',
      `the port ${port.ifname} takes ${port.mtu} bytes; the bridge drops ${packet.size} without a word`,
      {
        dev: port.ifname,
        evidence: row(node, 'link', port),
      },
    );
  return toPort(trip, node, port, mac, packet);
}

/** To the pod at the other end of a veth. */
export function toPort(trip: Trip, node: Place, port: Link, mac: Mac, packet: InFlight): End {
  const pod = podBehind(trip.world, node, port);
  if (!pod) {
    const target = trip.target;
    if (target?.inferred && target.node === node.node) doubt(trip, `what is behind ${port.ifname} of ${node.node} was not gathered`);
    return ended(trip, node, 'link', 'unknown', `what is behind ${port.ifname} of ${node.node} was not gathered`, {
      dev: port.ifname,
      evidence: row(node, 'link', port),
    });
  }
  const dropped = arrives(trip, pod, packet);
  if (dropped) return dropped;
  if (pod.link.address !== mac)
    return ended(trip, pod.place, 'receive', 'wrong-neighbour', `${placeName(pod.place)} is ${pod.link.address}, not ${mac}`, {
      dev: pod.link.ifname,
    });
  say(trip, pod.place, 'receive', `${pod.link.ifname} ${pod.link.address}`, {
    dev: pod.link.ifname,
    evidence: row(pod.place, 'link', pod.link),
  });
  return input(trip, pod.place, pod.link.ifname, packet);
}
