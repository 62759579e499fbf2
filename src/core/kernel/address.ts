import type {Family, Ip} from '../net/address.js';
import type {Sourced} from './table.js';

/** One address of one device, from `ip addr show`. */
export interface Address extends Sourced {
  readonly family: Family;
  readonly dev: string;
  readonly local: Ip;
  readonly prefixlen: number;
  readonly scope: string;
  readonly broadcast?: Ip;
  /** The far end of a point-to-point address. */
  readonly peer?: Ip;
  /** `dynamic`, `noprefixroute`, `deprecated`, `tentative`, `dadfailed`, `secondary`, `temporary`, … */
  readonly flags: readonly string[];
  readonly label?: string;
  /** Seconds; absent or 4294967295 means for ever. */
  readonly valid_life_time?: number;
  readonly preferred_life_time?: number;
}
