import type {Ip, Mac, Prefix} from '../net/address.js';

/** Who is in the cluster and how to reach them, as a person or the lab wrote it down. */
export interface Inventory {
  readonly name?: string;
  /** Where the text came from, for messages. */
  readonly source: string;
  /** `net-conf.json` as flannel reads it, when the inventory gives it. */
  readonly netConf?: unknown;
  readonly ssh?: {readonly config?: string; readonly user?: string; readonly port?: number};
  readonly nodes: readonly InventoryNode[];
}

export type InventoryVia = 'local' | 'ssh' | 'netns' | 'kube' | 'debug';

export interface InventoryNode {
  readonly name: string;
  /** Several: in the order in which they are tried. `kube` and `debug` go through the API server that the command names; `name` is then the Node's. */
  readonly via: InventoryVia | readonly InventoryVia[];
  readonly host?: string;
  readonly user?: string;
  readonly port?: number;
  readonly pid?: number;
  /** What flannel's records say of this node, where somebody wrote it down; it wins over what the node says of itself. */
  readonly lease?: {
    readonly subnet?: Prefix;
    readonly ipv6Subnet?: Prefix;
    readonly publicIP?: Ip;
    readonly publicIPv6?: Ip;
    readonly vtepMAC?: Mac;
    readonly vtepMACv6?: Mac;
    readonly publicKey?: string;
    readonly wgPort?: number;
    readonly wgPortV6?: number;
  };
}
