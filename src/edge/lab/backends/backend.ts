import type {Expected} from '../../../core/modes/mode.js';
import type {CloudBackend} from '../cloud/cloud.js';
import type {Lab, LabNode, LabSpec} from '../topology.js';

/** A file of a node: its text and its permissions. */
export interface NodeFile {
  readonly text: string;
  readonly mode: number;
}

/**
 * What a lab needs to know of a flannel backend beside its mode, which says what rows a node holds: how the backend is configured, what its
 * nodes have of their own, and what flanneld does besides writing rows.
 */
export interface Backend {
  /** flannel's `Backend.Type`; the name of its file. */
  readonly type: string;
  /** The keys of net-conf.json's Backend object beside its type. */
  netConf(spec: LabSpec): {readonly [key: string]: unknown};
  /** Why a lab of this backend cannot be as the spec says, with what to do instead. */
  refuses?(spec: LabSpec): {readonly message: string; readonly hint: string} | undefined;
  /** What a node has of its own: hardware addresses, a public key. The same for the same words. */
  identity?(spec: LabSpec, node: string): Partial<Pick<LabNode, 'vtepMac' | 'vtepMac6' | 'publicKey'>>;
  /** Of modes whose packets a cloud carries: the underlay is its fabric, and nothing of flannel's mode is made on nodes. */
  readonly cloud?: CloudBackend;
  /** Files of its own on a node, by path. */
  files?(lab: Lab, node: LabNode): {readonly [path: string]: NodeFile};
  /** MTU of the pods, bytes, where whoever set the cluster up told the CNI plugin another one than flannel's; the same where it is flannel's. */
  podMtu?(spec: LabSpec): number;
  /** Of a backend that is made of commands: they make what nodes have, and nothing is made of what the mode expects. */
  readonly commands?: NodeCommands;
  /** What this machine must have: programs with the packages that bring them, and devices. */
  readonly needs?: {
    readonly programs?: {readonly [program: string]: string};
    readonly device?: DeviceNeed;
  };
  /** A line of shell for a node that takes away what is flannel's there and no device of the mode. */
  readonly clear?: string;
  /** Lines of shell for a node, before its rows are written: what makes the device that they need. */
  before?(lab: Lab, node: LabNode): string;
  /** `ip -batch` lines that belong between the devices and their rows. */
  ipLines?(lab: Lab, node: LabNode): readonly string[];
  /** Lines of shell for a node, once the devices are there and before they are used. */
  after?(expected: Expected): string;
}

/** Lines of shell for a node. */
export interface NodeCommands {
  /** What runs when flanneld starts; prints what the node publishes. */
  start(lab: Lab, node: LabNode): string;
  /** What runs for each of the others, once all have started: by their names what they published. */
  told(lab: Lab, node: LabNode, published: ReadonlyMap<string, string>): string;
  /** All of it once more, as it was: nobody has to be told anything. */
  again(lab: Lab, node: LabNode): string;
}

export interface DeviceNeed {
  /** In words: `WireGuard devices`. */
  readonly what: string;
  /** A command that makes one, in a namespace of its own. */
  readonly probe: string;
  /** The kernel's modules, for modprobe. */
  readonly modules: readonly string[];
}
