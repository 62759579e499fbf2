import {admit} from '../forwarding/admit.js';
import {lookup} from '../forwarding/lookup.js';
import type {Link} from '../kernel/link.js';
import type {Neigh} from '../kernel/neigh.js';
import {familyOf, type Ip, type Mac} from '../net/address.js';
import {hasOwnAddresses, isFabric} from './fabric/owner.js';
import {isLocal, sourceFor} from './local.js';
import type {InFlight} from './packet.js';
import {holders, type Interface, isUp, isWire, onOneWire, type Place, podBehind, portOf, portsOf, type World} from './world.js';

/** Who takes a frame for the next hop. */
export type Neighbour =
  | {readonly kind: 'mac'; readonly mac: Mac; readonly row: Neigh | undefined; readonly owner?: Interface}
  /** Somebody on the wire who is no member: a router, or an outside host. */
  | {readonly kind: 'stranger'; readonly mac: Mac | undefined; readonly row: Neigh | undefined}
  | {readonly kind: 'none'; readonly row: Neigh | undefined; readonly why: string}
  | {readonly kind: 'needs'; readonly node: string};

/**
 * The hardware address of the next hop. A permanent row is final. Any other is a memory that the kernel checks and renews, and one that is
 * not there yet is asked for with the first packet: what counts is who answers now.
 */
export function neighbour(world: World, place: Place, link: Link, nexthop: Ip, packet: InFlight): Neighbour {
  const row = place.state.tables.neigh?.find((n) => n.dev === link.ifname && n.dst === nexthop && n.proxy !== true);
  const fixed = row?.lladdr !== undefined && row.state.some((s) => s === 'PERMANENT' || s === 'NOARP');
  if (row?.lladdr !== undefined && fixed) return {kind: 'mac', mac: row.lladdr, row};
  const sip = isLocal(place, packet.src) ? packet.src : sourceFor(place, packet.family, link.ifname, nexthop);
  const found = listeners(world, place, link, nexthop);
  if (found.needs !== undefined) return {kind: 'needs', node: found.needs};
  const owner = found.heard.find((at) => answers(at, nexthop, sip));
  // A changed address heals at once with ARP, where each question of the owner renews the row. Neighbour discovery asks from link-local
  // addresses: frames go to the old one for half a minute.
  if (owner && packet.family === 6 && row?.lladdr !== undefined && row.lladdr !== owner.link.address)
    return {kind: 'mac', mac: row.lladdr, row};
  if (owner && isWire(world, place, link) && answersForAll(world, place, row?.lladdr, owner))
    return {kind: 'stranger', mac: row?.lladdr, row};
  if (owner?.link.address !== undefined) return {kind: 'mac', mac: owner.link.address, row, owner};
  const failed = row?.state.some((s) => s === 'FAILED' || s === 'INCOMPLETE') ?? false;
  // On a tunnel device nobody hears the question; a row that is there is checked at the address it names, which answers if it can.
  if (link.kind === 'vxlan')
    return row?.lladdr !== undefined ? {kind: 'mac', mac: row.lladdr, row} : {kind: 'none', row, why: nobody(nexthop, link)};
  const held = holders(world, nexthop);
  if (isWire(world, place, link) && !failed && (held.length === 0 || place.pod !== undefined) && !belongs(world, row?.lladdr))
    return {kind: 'stranger', mac: row?.lladdr, row};
  return {
    kind: 'none',
    row,
    why:
      held.length > 0 && isWire(world, place, link)
        ? `${held[0]!.name} has ${nexthop} but does not answer on the wire of ${link.ifname}`
        : nobody(nexthop, link),
  };
}

/**
 * A cloud's network answers for every address in it with a hardware address that no node has, also for nodes of one subnet. Where nobody has
 * asked yet, nodes whose pods have addresses of that network are in one.
 */
const answersForAll = (world: World, place: Place, mac: Mac | undefined, owner: Interface): boolean =>
  mac === undefined
    ? hasOwnAddresses(world, place) || (world.cluster.cloud !== undefined && world.cluster.mode?.fabric !== undefined)
    : mac !== owner.link.address && !belongs(world, mac) && isFabric(world, place);

const nobody = (address: Ip, link: Link): string => `nobody on ${link.ifname} answers for ${address}`;

const belongs = (world: World, mac: Mac | undefined): boolean =>
  mac !== undefined && world.cluster.members.some((m) => m.survey.links.some((l) => l.address === mac));

/** Who hears a question on this device; on a wire only those that may have the address are worth asking. */
function listeners(world: World, place: Place, link: Link, address: Ip): {readonly heard: readonly Interface[]; readonly needs?: string} {
  if (!isUp(link)) return {heard: []};
  if (place.pod !== undefined) {
    const port = portOf(world, place, link);
    if (!port || !isUp(port.link)) return {heard: []};
    if (port.link.master === undefined) return {heard: [port]};
    const bridge = port.place.state.tables.link?.find((l) => l.ifname === port.link.master);
    if (!bridge || !isUp(bridge) || !portsOf(port.place, bridge.ifname).includes(port.link)) return {heard: []};
    return {heard: [{place: port.place, link: bridge}, ...behindPorts(world, port.place, bridge.ifname, port.link)]};
  }
  if (link.kind === 'bridge') return {heard: behindPorts(world, place, link.ifname)};
  if (link.kind === 'vxlan') return {heard: flooded(world, place, link)};
  const pod = podBehind(world, place, link);
  if (pod) return {heard: isUp(pod.link) ? [pod] : []};
  if (!isWire(world, place, link)) return {heard: []};
  const heard: Interface[] = [];
  for (const member of holders(world, address)) {
    if (member.name === place.node) continue;
    const node = world.nodes.get(member.name);
    if (!node) return {heard, needs: member.name};
    for (const other of node.state.tables.link ?? [])
      if (isUp(other) && isWire(world, node, other) && onOneWire(world, place, link, member, other.ifname))
        heard.push({place: node, link: other});
  }
  return {heard};
}

const behindPorts = (world: World, node: Place, bridge: string, except?: Link): readonly Interface[] =>
  portsOf(node, bridge).flatMap((port) => {
    const pod = port === except ? undefined : podBehind(world, node, port);
    return pod && isUp(pod.link) ? [pod] : [];
  });

/** A tunnel device repeats a question only to the ends of its default entry. */
function flooded(world: World, place: Place, link: Link): readonly Interface[] {
  const ends = (place.state.tables.fdb ?? []).filter((f) => f.dev === link.ifname && f.mac === '00:00:00:00:00:00' && f.dst !== undefined);
  return ends.flatMap((end) =>
    holders(world, end.dst!).flatMap((member) => {
      const node = world.nodes.get(member.name);
      const tunnel = node?.state.tables.link?.find((l) => l.kind === 'vxlan' && l.info?.['id'] === link.info?.['id'] && isUp(l));
      return node && tunnel ? [{place: node, link: tunnel}] : [];
    }),
  );
}

/**
 * Does an interface answer for the address? To ARP a host answers for each of its addresses, if the asker may come in by this device
 * (arp_process asks the route lookup); to neighbour discovery only for those of the device itself.
 */
function answers({place, link}: Interface, address: Ip, asker: Ip | undefined): boolean {
  if (familyOf(address) === 6) return place.state.tables.address?.some((a) => a.dev === link.ifname && a.local === address) === true;
  if (!isLocal(place, address)) return proxies(place, link, address);
  if (asker === undefined || place.own === undefined) return true;
  return admit(place.own, {dst: address, src: asker, iif: link.ifname}).ok !== false;
}

/** proxy_arp: it answers for whatever it would forward by another device. */
function proxies(place: Place, link: Link, address: Ip): boolean {
  const on = ['all', link.ifname].some((at) => place.own?.sysctl?.get(`net/ipv4/conf/${at}/proxy_arp`) === '1');
  if (!on) return false;
  const found = lookup(place.state, {dst: address, iif: link.ifname});
  return found.kind === 'route' && found.route.type === 'unicast' && found.route.dev !== link.ifname;
}
