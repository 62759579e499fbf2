import type {Family, Ip, Mac} from '../net/address.js';
import type {Sourced} from './table.js';

/** A row of `ip neigh show`. */
export interface Neigh extends Sourced {
  readonly family: Family;
  readonly dst: Ip;
  readonly dev: string;
  /** Absent for INCOMPLETE and FAILED. */
  readonly lladdr?: Mac;
  /** `PERMANENT`, `REACHABLE`, `STALE`, `DELAY`, `PROBE`, `FAILED`, `INCOMPLETE`, `NOARP`. */
  readonly state: readonly string[];
  readonly router?: boolean;
  readonly proxy?: boolean;
  readonly extra?: {readonly [name: string]: unknown};
}
