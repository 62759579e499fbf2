import type {Family, Ip, Prefix} from '../net/address.js';
import type {Sourced} from './table.js';

export interface Nexthop {
  readonly gateway?: Ip;
  readonly dev?: string;
  readonly weight?: number;
  readonly flags: readonly string[];
}

/** A row of `ip route show table all`, both families; the words are those of `ip -j`. */
export interface Route extends Sourced {
  readonly family: Family;
  /** Always written: `main`, `local`, `default`, or the number or name of another table. */
  readonly table: string;
  /** `unicast`, `local`, `broadcast`, `blackhole`, `unreachable`, `prohibit`, `throw`, `multicast`, `anycast`, `nat`. */
  readonly type: string;
  readonly dst: Prefix;
  readonly tos?: string;
  /** May be of the other family (`via inet6 …`). */
  readonly gateway?: Ip;
  readonly dev?: string;
  /** 0 when not printed; IPv6 always prints one (1024 by default). */
  readonly metric: number;
  readonly protocol?: string;
  readonly scope?: string;
  readonly prefsrc?: Ip;
  readonly from?: Prefix;
  /** `onlink`, `linkdown`, `dead`, `offload`, … */
  readonly flags: readonly string[];
  readonly nexthops?: readonly Nexthop[];
  readonly nhid?: number;
  /** `mtu`, `advmss`, … in bytes; `lock` only in text. */
  readonly metrics?: {readonly [name: string]: number};
  readonly locked?: readonly string[];
  readonly pref?: string;
  /** Attributes this version of flanctl has no name for; kept, never fatal. */
  readonly extra?: {readonly [name: string]: unknown};
}
