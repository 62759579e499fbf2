import type {Family, Prefix} from '../net/address.js';
import type {Sourced} from './table.js';

/** A row of `ip rule show`: a selector and what to do when it matches. */
export interface Rule extends Sourced {
  readonly family: Family;
  readonly priority: number;
  readonly not?: boolean;
  /** Absent means `all`. */
  readonly src?: Prefix;
  readonly dst?: Prefix;
  readonly iif?: string;
  readonly oif?: string;
  readonly detached?: boolean;
  readonly fwmark?: number;
  /** 0xffffffff when not printed. */
  readonly fwmask?: number;
  readonly tos?: string;
  readonly ipproto?: string;
  readonly sport?: string;
  readonly dport?: string;
  readonly uidrange?: string;
  /** `lookup` (the default), `goto`, `blackhole`, `prohibit`, `unreachable`, `nop`. */
  readonly action: string;
  readonly table?: string;
  readonly goto?: number;
  readonly suppress_prefixlength?: number;
  readonly suppress_ifgroup?: string;
  readonly l3mdev?: boolean;
  readonly protocol?: string;
  readonly extra?: {readonly [name: string]: unknown};
}
