import type {Ip, Mac} from '../net/address.js';
import type {Sourced} from './table.js';

/** A row of `bridge fdb show`: where frames for `mac` leave `dev`. */
export interface Fdb extends Sourced {
  readonly mac: Mac;
  /** `ifname` of bridge -j (`dev` before iproute2 5.0). */
  readonly dev: string;
  /** The remote tunnel end, on VXLAN devices. */
  readonly dst?: Ip;
  readonly master?: string;
  readonly vlan?: number;
  readonly vni?: number;
  readonly port?: number;
  readonly via?: string;
  /** `self`, `master`, `extern_learn`, `offload`, `router`, `sticky`. */
  readonly flags: readonly string[];
  /** `permanent`, `static`, `stale`, or empty for a dynamic entry. */
  readonly state: string;
  readonly extra?: {readonly [name: string]: unknown};
}
