import type {Family, Ip} from '../net/address.js';
import type {InFlight, Inner} from './packet.js';
import type {Walk} from './step.js';
import type {Trip} from './trip.js';
import type {Place} from './world.js';

/**
 * A device at which a packet socket (tcpdump) would see the packet: on its way out when the device has taken it (behind POSTROUTING and
 * the neighbour, dev_queue_xmit_nit), on its way in before anybody looks at it (__netif_receive_skb_core).
 */
export interface Tap {
  readonly node: string;
  readonly pod?: string;
  readonly dev: string;
  readonly way: 'in' | 'out';
  /** Whether it is seen here, nobody can say: somebody must first answer for the address of the next hop. */
  readonly maybe?: true;
  /** The packet as it is there, without its tunnel. */
  readonly packet: Form;
  /** What carries it there. */
  readonly tunnel?: Carrier;
}

/** The packet of a tunnel, as far as a capture can know it again. */
export interface Carrier {
  readonly via: Inner['via'];
  readonly family: Family;
  readonly src: Ip;
  readonly dst: Ip;
  /** UDP destination port; undefined for protocols without. */
  readonly port: number | undefined;
  /** Of the outer packet; what is encrypted has nothing else to be known by. */
  readonly size: number;
}

/** What tells a packet's flow and direction; NAT changes it on the way. */
export interface Form {
  readonly family: Family;
  readonly src: Ip;
  readonly dst: Ip;
}

/** Notes that the packet can be seen here; it goes with the step that brought it here. */
export function tap(trip: Trip, place: Place, dev: string, way: Tap['way'], packet: InFlight, maybe = false): void {
  const {inner} = packet;
  // A handshake carries nothing that a capture is to look for.
  if (inner?.via === 'wireguard' && inner.session === 'handshake') return;
  const last = trip.steps.pop();
  if (!last) return;
  const {family, src, dst} = inner ? inner.packet : packet;
  const seen: Tap = {
    node: place.node,
    ...(place.pod !== undefined && {pod: place.pod}),
    dev,
    way,
    ...(maybe && {maybe: true as const}),
    packet: {family, src, dst},
    ...(inner && {
      tunnel: {via: inner.via, family: packet.family, src: packet.src, dst: packet.dst, port: packet.dport, size: packet.size},
    }),
  };
  trip.steps.push({...last, taps: [...(last.taps ?? []), seen]});
}

/** The taps of a walk in the packet's order, each with the number of the hop it belongs to. */
export function tapsOf(walk: Walk): readonly {readonly tap: Tap; readonly hop: number}[] {
  return walk.hops.flatMap((hop, i) =>
    hop.steps.flatMap((step) =>
      (step.taps ?? []).map((one) => {
        const place = one.pod === undefined ? one.node : `pod ${one.pod}`;
        // A device that the packet comes in by is noted before the first step of its place.
        const at = walk.hops.slice(i).find((h) => h.place === place) ?? hop;
        return {tap: one, hop: at.number};
      }),
    ),
  );
}
