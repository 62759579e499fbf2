import type {Family, Ip, Mac} from '../net/address.js';

/** The packet a trace asks about, as its sender makes it. Sizes in bytes. */
export interface Probe {
  readonly family: Family;
  readonly src: Ip;
  readonly dst: Ip;
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly sport?: number;
  readonly dport?: number;
  /** Size of the IP packet; with DF set. Small (84) unless the trace asks whether the largest fits. */
  readonly size: number;
}

/** The packet as it is on its way: headers change at NAT, hardware addresses at each link, and a tunnel wraps it. */
export interface InFlight extends Probe {
  readonly mark: number;
  readonly ttl: number;
  /** Conntrack's view where it is known: the first packet is `new`, the reply `established`. */
  readonly ctstate: 'new' | 'established';
  readonly dstMac?: Mac;
  /** The packet inside, when this one is a tunnel's. */
  readonly inner?: InFlight;
}
