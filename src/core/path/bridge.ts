import {lookup} from '../forwarding/lookup.js';
import type {Link} from '../kernel/link.js';
import type {Mac} from '../net/address.js';
import {isImplied} from './listed.js';
import {input, routeIn} from './namespace.js';
import {neighbour} from './neighbour.js';
import {throughHook} from './netfilter.js';
import {type InFlight, shownLink, UNREAD_MAC} from './packet.js';
import {tap} from './tap.js';
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
  if (from && filtered) return throughRules(trip, node, bridge, from, mac, packet);
  if (from && isOwn(node, bridge, mac)) {
    tap(trip, node, bridge.ifname, 'in', packet);
    return input(trip, node, bridge.ifname, packet);
  }
  const port = between(trip, node, bridge, from, mac);
  return 'disposition' in port ? port : onPort(trip, node, port, mac, packet);
}

/** The port that a frame leaves by, or why there is none for it. */
function between(trip: Trip, node: Place, bridge: Link, from: Link | undefined, mac: Mac): Link | End {
  const said = (link: Link) => ({dev: link.ifname, evidence: row(node, 'link', link)});
  const port = portFor(trip, node, bridge, mac);
  if (!port) return ended(trip, node, 'bridge', 'wrong-neighbour', `nobody on ${bridge.ifname} of ${node.node} has ${mac}`, said(bridge));
  if (port === from && port.port?.['hairpin'] !== true)
    return ended(trip, node, 'bridge', 'bridge-port', `${mac} is behind the port it came from, and hairpin is off`, said(port));
  if (from?.port?.['isolated'] === true && port.port?.['isolated'] === true)
    return ended(trip, node, 'bridge', 'bridge-port', `${from.ifname} and ${port.ifname} are both isolated`, said(port));
  const entry = node.state.tables.fdb?.find((f) => f.mac === mac && f.dev === port.ifname);
  const unread = mac === UNREAD_MAC;
  say(trip, node, 'fdb', unread ? `behind one of the ports of ${bridge.ifname}, say ${port.ifname}` : `${mac} is behind ${port.ifname}`, {
    dev: port.ifname,
    ...(unread && {certainty: 'inferred' as const}),
    evidence: entry ? row(node, 'fdb', entry) : row(node, 'link', port),
  });
  return port;
}

/**
 * br_netfilter: a frame from a port passes PREROUTING before the bridge looks where it goes, and what is bridged passes the other chains as
 * what is routed. A new destination that the node reaches through this very bridge stays on the bridge, whoever the frame was for
 * (br_nf_pre_routing_finish): out by the port it came from only with hairpin.
 */
function throughRules(trip: Trip, node: Place, bridge: Link, from: Link, mac: Mac, before: InFlight): End {
  if (before.ttl <= 0 || trip.steps.length > 400)
    return ended(trip, node, 'receive', 'looped', 'it goes round in circles until its TTL ends');
  const inside = {in: from.ifname};
  const pre = throughHook(trip, node, 'prerouting', before, {iif: bridge.ifname, physdev: inside});
  if (pre.end) return pre.end;
  if (pre.packet.dst === before.dst)
    return isOwn(node, bridge, mac) ? up(trip, node, bridge, from, pre.packet) : bridgedOn(trip, node, bridge, from, mac, pre.packet);
  const {dst, src, mark} = pre.packet;
  const found = lookup(node.state, {dst, src, mark, iif: bridge.ifname});
  const [leg] = found.kind === 'route' && found.route.type === 'unicast' ? found.legs : [];
  if (leg?.dev !== bridge.ifname) return up(trip, node, bridge, from, pre.packet);
  const next = neighbour(trip.world, node, bridge, leg.gateway ?? dst, pre.packet);
  if (next.kind === 'needs') return {disposition: 'unknown', because: `${next.node} was not read yet`, needs: next.node};
  if (next.kind === 'none' || next.mac === undefined)
    return ended(trip, node, 'neighbour', 'no-neighbour', next.kind === 'none' ? next.why : `${dst} does not answer on ${bridge.ifname}`);
  return bridgedOn(trip, node, bridge, from, next.mac, pre.packet);
}

/** To the node itself, behind PREROUTING: the bridge shows the frame only then. */
function up(trip: Trip, node: Place, bridge: Link, from: Link, packet: InFlight): End {
  tap(trip, node, bridge.ifname, 'in', packet);
  return routeIn(trip, node, bridge.ifname, packet, {in: from.ifname});
}

function bridgedOn(trip: Trip, node: Place, bridge: Link, from: Link, mac: Mac, before: InFlight): End {
  const port = between(trip, node, bridge, from, mac);
  if ('disposition' in port) return port;
  const physdev = {in: from.ifname, out: port.ifname};
  const forward = throughHook(trip, node, 'forward', before, {iif: bridge.ifname, oif: bridge.ifname, physdev});
  if (forward.end) return forward.end;
  const post = throughHook(trip, node, 'postrouting', forward.packet, {oif: bridge.ifname, physdev, nexthop: forward.packet.dst});
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
  tap(trip, node, port.ifname, 'out', packet);
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
  tap(trip, pod.place, pod.link.ifname, 'in', packet);
  if (pod.link.address !== mac)
    return ended(trip, pod.place, 'receive', 'wrong-neighbour', `${placeName(pod.place)} is ${pod.link.address}, not ${mac}`, {
      dev: pod.link.ifname,
    });
  say(trip, pod.place, 'receive', shownLink(pod.link), {
    dev: pod.link.ifname,
    ...(isImplied(pod.link) && {certainty: 'inferred' as const}),
    evidence: row(pod.place, 'link', pod.link),
  });
  return input(trip, pod.place, pod.link.ifname, packet);
}
