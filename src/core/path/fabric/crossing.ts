import type {Certainty} from '../step.js';

/**
 * A packet's way through a network that nobody in the cluster can look into: a cloud's (model/cloud-modes.md §6). What stands here was said
 * by the cloud, or follows from the mode; nothing of it was seen.
 */
export interface Crossing {
  /** `declared`: rows or interfaces that the cloud printed say so; `inferred`: only the mode does. */
  readonly status: Certainty;
  /** `node/device`, the name of an exclusive pod's `node/pod/device`, or the address of a machine that is no node. */
  readonly from: string;
  /** The same for where it comes out; null where nothing leads on, or beyond the cluster. */
  readonly to: string | null;
  /** What decides: the row or the interface, and whether it was read (`would`: it was not, and must be so). */
  readonly decides: {readonly table: string | null; readonly row: string; readonly would: boolean};
  /** Where that was read, and of when it is (RFC 3339). */
  readonly source: string | null;
  readonly takenAt: string | null;
  /** What such a cloud is thought to do inside, in words. */
  readonly inferred: readonly string[];
  /** What would show that it is otherwise. */
  readonly refutedBy: readonly string[];
}
