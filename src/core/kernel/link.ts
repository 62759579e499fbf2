import type {Ip, Mac} from '../net/address.js';
import type {Sourced} from './table.js';

/** A row of `ip -d link show`. Attributes of the kind and of the port stay under iproute2's own names in `info` and `port`. */
export interface Link extends Sourced {
  readonly ifindex?: number;
  readonly ifname: string;
  /** `UP`, `LOWER_UP`, `NO-CARRIER`, `BROADCAST`, `NOARP`, … */
  readonly flags: readonly string[];
  readonly mtu: number;
  /** `UP`, `DOWN`, `UNKNOWN` (a healthy VXLAN device), `LOWERLAYERDOWN`. */
  readonly operstate?: string;
  /** Ethernet only; tun and point-to-point devices have none. */
  readonly address?: Mac;
  readonly master?: string;
  /** The lower device of a VLAN or the local peer of a veth. */
  readonly link?: string;
  /** The peer's index when it is in another namespace. */
  readonly link_index?: number;
  readonly link_netnsid?: number;
  readonly link_type?: string;
  /** `info_kind`: `vxlan`, `veth`, `bridge`, `tun`, `ipip`, `wireguard`, … */
  readonly kind?: string;
  /** `info_data`: for vxlan `id`, `local` (or `local6`), `link`, `port`, `learning`, `ttl`, … Text and JSON give the same keys and types. */
  readonly info?: {readonly [name: string]: unknown};
  /** `info_slave_data` of a bridge port: `state`, `hairpin`, `isolated`, … */
  readonly port?: {readonly [name: string]: unknown};
  readonly extra?: {readonly [name: string]: unknown};
}

/** The local tunnel address of a VXLAN or ipip device, of either family. */
export const localOf = (link: Link): Ip | undefined => (link.info?.['local'] ?? link.info?.['local6']) as Ip | undefined;
