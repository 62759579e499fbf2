import type {Ip} from '../net/address.js';

/**
 * How a pod hangs on its node (model/cloud-modes.md §7): on a bridge; by a veth with a host route, and rules that lead its packets to the
 * table of its network interface (`policy`), or without such a table since that interface is the node's first (`policy-primary`); with a
 * network interface of its own (`exclusive`), on Terway with a veth beside it (`exclusive-veth`); by a veth and a host route alone (`ptp`).
 */
export type AttachmentKind = 'bridge' | 'policy' | 'policy-primary' | 'exclusive' | 'exclusive-veth' | 'ptp';

/** One pod of a node, as the node's own tables, the pod's namespace and flannel's records show it. */
export interface Attachment {
  readonly kind: AttachmentKind;
  readonly address: Ip;
  /** The pod's namespace as it was gathered; absent where only the node's tables speak of it. */
  readonly pod?: string;
  /** `namespace/name`, where records have it. */
  readonly record?: string;
  /** The node's end of its interface. */
  readonly veth?: string;
  /** The table that its packets are led to, and the device of that table's default route: its network interface. */
  readonly table?: string;
  readonly eni?: string;
}
