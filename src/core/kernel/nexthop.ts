import type {Ip} from '../net/address.js';
import type {Sourced} from './table.js';

/** A row of `ip nexthop show`: what a route's `nhid` means. */
export interface NexthopObject extends Sourced {
  readonly id: number;
  readonly gateway?: Ip;
  readonly dev?: string;
  readonly blackhole?: boolean;
  readonly group?: readonly {readonly id: number; readonly weight: number}[];
  readonly flags: readonly string[];
  readonly extra?: {readonly [name: string]: unknown};
}
