import type {Family, Ip, Mac, Prefix} from '../net/address.js';

/** What one node publishes to the others: flannel's lease, whichever way it was learnt. */
export interface Lease {
  readonly node: string;
  readonly subnet?: Prefix;
  readonly ipv6Subnet?: Prefix;
  readonly publicIP?: Ip;
  readonly publicIPv6?: Ip;
  /** `vxlan`, `host-gw`, …: what the node runs; a lease of another type is ignored by its peers (flannel-backends.md §9.1). */
  readonly backendType: string;
  /** The hardware address of the node's own VXLAN device, per family. */
  readonly vtepMAC?: Mac;
  readonly vtepMACv6?: Mac;
  /** WireGuard: the node's public key (one for both devices), and the UDP ports that it listens on (published since v0.26.6). */
  readonly publicKey?: string;
  readonly wgPort?: number;
  readonly wgPortV6?: number;
  /** It is not in the records, or not marked as flannel's: flanneld on its peers writes no rows for it, and takes none away either. */
  readonly unpublished?: true;
}

/** A lease of one family, complete enough to compute rows from. */
export interface FamilyLease {
  readonly node: string;
  readonly family: Family;
  readonly subnet: Prefix;
  readonly publicIP: Ip;
  readonly vtepMAC?: Mac;
  readonly publicKey?: string;
  readonly wgPort?: number;
}

/** The lease's part of one family, or undefined when the node has none of it. */
export function leaseOf(lease: Lease, family: Family): FamilyLease | undefined {
  const subnet = family === 4 ? lease.subnet : lease.ipv6Subnet;
  const publicIP = family === 4 ? lease.publicIP : lease.publicIPv6;
  const vtepMAC = family === 4 ? lease.vtepMAC : lease.vtepMACv6;
  if (subnet === undefined || publicIP === undefined) return undefined;
  const wgPort = family === 4 ? lease.wgPort : lease.wgPortV6;
  return {
    node: lease.node,
    family,
    subnet,
    publicIP,
    ...(vtepMAC !== undefined && {vtepMAC}),
    ...(lease.publicKey !== undefined && {publicKey: lease.publicKey}),
    ...(wgPort !== undefined && {wgPort}),
  };
}
