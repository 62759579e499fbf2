import type {Link} from '../kernel/link.js';
import type {Ip} from '../net/address.js';
import * as esp from './esp.js';
import * as ipip from './ipip.js';
import type {InFlight, Inner} from './packet.js';
import type {End, Trip} from './trip.js';
import * as udp from './user-space.js';
import * as vxlan from './vxlan.js';
import * as wireguard from './wireguard.js';
import type {Place} from './world.js';

/** Out by a tunnel device without hardware addresses, and so without neighbours. `gateway`: of the route, if it has one. */
type Encapsulate = (trip: Trip, place: Place, link: Link, gateway: Ip | undefined, packet: InFlight) => End;

/** Such devices by their kind. VXLAN's has a neighbour, and an FDB behind it (transmit.ts); IPsec has no device (policy.ts). */
const pointed: {readonly [kind: string]: Encapsulate} = {
  ipip: (...args) => ipip.encapsulate(...args),
  wireguard: (trip, place, link, _gateway, packet) => wireguard.encapsulate(trip, place, link, packet),
  tun: (trip, place, link, _gateway, packet) => udp.encapsulate(trip, place, link, packet),
};

/** What sends a packet that leaves by this device, when it is a tunnel's that needs no neighbour. */
export const encapsulatorOf = (link: Link): Encapsulate | undefined =>
  link.kind !== undefined && Object.hasOwn(pointed, link.kind) ? pointed[link.kind] : undefined;

/** A packet of a tunnel that came to its address: whoever listens there takes it, and the packet inside comes in by that device. */
export function decapsulate(trip: Trip, place: Place, iif: string, outer: InFlight, inner: Inner): End {
  switch (inner.via) {
    case 'vxlan':
      return vxlan.decapsulate(trip, place, outer, inner);
    case 'ipip':
      return ipip.decapsulate(trip, place, iif, outer, inner);
    case 'wireguard':
      return wireguard.decapsulate(trip, place, outer, inner);
    case 'udp':
      return udp.decapsulate(trip, place, outer, inner);
    case 'esp':
      return esp.decapsulate(trip, place, iif, outer, inner);
  }
}

/** The form in which a tunnel's packet comes to a node: packets of one form are all taken by the same device, or by none. */
export function formOf({inner, family, dport}: InFlight): string {
  if (inner === undefined) return 'direct';
  if (inner.via === 'vxlan') return `${inner.vni} ${dport} ${family}`;
  return [inner.via, dport ?? '-', family].join(' ');
}
