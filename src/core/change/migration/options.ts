import type {Family, Mac} from '../../net/address.js';

/** A file of flannel's on a node, as it was read. */
export interface NodeFile {
  readonly name: 'subnet.env' | 'net-conf.json';
  readonly path: string;
  readonly text: string;
}

/** A step that would cut connections which somebody has open now; it is not planned, and named in the plan's `left`. */
export interface Held {
  readonly node: string;
  /** `device`: deleting the old tunnel device. `strict`: putting strict rp_filter back. */
  readonly step: 'device' | 'strict';
  readonly why: string;
}

export interface MigrationOptions {
  /** Nodes in the first wave. */
  readonly canary: number;
  /** Nodes in each wave after that. */
  readonly batch: number;
  /** The operator's own node: it comes last, in a wave of its own. */
  readonly last?: string;
  /** The hardware address of a tunnel device that is to be made; chosen once, so that every node's rows agree. */
  readonly macOf: (node: string, family: Family) => Mac;
  /**
   * What becomes of the MTU of pods that run: `set` to the target's, or `keep`. Raising loses nothing and is the default; for lowering no
   * tested way is clean (design/performance.md §5), and so the operator chooses.
   */
  readonly podMtu?: 'keep' | 'set';
  /** `none`: no flanneld runs, and the nodes' files are this plan's matter. Else who keeps flanneld's configuration, and what it is now, as parsed JSON. */
  readonly control: 'none' | {readonly by: string; readonly netConf: unknown; readonly wait?: boolean};
  /** With `none`: the files that each node has. */
  readonly files?: ReadonlyMap<string, readonly NodeFile[]>;
  readonly held?: readonly Held[];
}
