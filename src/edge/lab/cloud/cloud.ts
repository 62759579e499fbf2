import type {Ip, Mac, Prefix} from '../../../core/net/address.js';
import type {Lab, LabNode, LabPod, LabSpec} from '../topology.js';
import type {LabHost} from './hosts.js';

/** Whose words the lab's cloud speaks: the form of the files it exports. */
export type CloudProvider = 'tencent' | 'tke' | 'aws' | 'alibaba';

/** A network interface of a machine, which is a port of the cloud's fabric. */
export interface LabEni {
  /** The cloud's name of it. */
  readonly id: string;
  /** The instance's. */
  readonly instance: string;
  /** In its machine: eth0, eth1. */
  readonly dev: string;
  /** Its other end, and the namespace that has it: its physical host's. */
  readonly port: string;
  readonly fabric: string;
  readonly mac: Mac;
  /** Its first address. */
  readonly ip: Ip;
  readonly index: number;
  readonly subnet: string;
  /** It may send with any address (AWS's `SourceDestCheck` is off). */
  readonly unchecked?: true;
}

/** A subnet of the VPC, and the route table that it names. */
export interface LabVpcSubnet {
  readonly id: string;
  readonly prefix: Prefix;
  readonly gateway: Ip;
  /** The cloud's name of its route table, and the kernel's number of it in the fabric. */
  readonly routeTable: string;
  readonly table: number;
}

/** A machine of the VPC that is no node of the cluster. */
export interface LabVm {
  readonly name: 'vm';
  readonly netns: string;
  readonly ip: Ip;
  readonly eni: LabEni;
}

export interface LabCloud {
  readonly provider: CloudProvider;
  readonly vpc: {readonly id: string; readonly prefix: Prefix};
  readonly subnets: readonly LabVpcSubnet[];
  /** The physical hosts; the first is the way out of the VPC, and the world outside. */
  readonly hosts: readonly LabHost[];
  /** Of pods on bridges; absent where the VPC's addresses are all there is. */
  readonly podNetwork?: Prefix;
  readonly vm: LabVm;
  /** What the cloud would print of its route tables, network interfaces and security groups: for `--cloud-routes`, `--cloud-enis`, `--cloud-groups`. */
  readonly routesFile: string;
  readonly enisFile: string;
  readonly groupsFile: string;
}

/** How pods hang on a bridge whose subnet the cloud's rows name (model/cloud-modes.md §1.1). */
export interface BridgePods {
  readonly name: string;
  readonly network: Prefix;
  /** Of each node's part. */
  readonly length: number;
  /** Which part is n1's: flannel gives out none that begins as the network does. */
  readonly firstPart: 0 | 1;
  /** tke-bridge-agent's promiscuous bridge; flannel's lets a port send back instead (hairpin). */
  readonly promiscuous: boolean;
  /** flannel's CNI plugin routes the pod network through the bridge too. */
  readonly networkRoute: boolean;
}

/** How pods hang on a second network interface by policy rules (model/cloud-modes.md §2.1). */
export interface PolicyPods {
  /** What the name of a pod's veth begins with, before eleven digits of SHA-1. */
  readonly veth: string;
  /** Priority of `from POD lookup TABLE`. */
  readonly from: number;
  readonly table: string;
  /** Pods of each node that hang on eth0: the kernel's own table is theirs, without a `from` rule. */
  readonly onPrimary: number;
  /** `ip -batch`: eth1's address, its table and what else the agent writes once, eth1 being up. */
  lines(node: LabNode, eth1: LabEni): readonly string[];
  /** `ip -batch` in the pod: how it reaches its gateway 169.254.1.1. */
  podRoutes(pod: LabPod): readonly string[];
}

/** What a lab needs to know of a backend whose packets a cloud carries. */
export interface CloudBackend {
  readonly provider: CloudProvider;
  /** Its mode's name, where that is another (tke-vpc-cni has two). */
  readonly mode?: string;
  readonly bridge?: BridgePods;
  readonly policy?: PolicyPods;
  /** iptables-restore input, empty where nothing of packets is changed. Absent where flannel does it. */
  netfilter?(lab: Lab, node: LabNode): string;
  /** Its files on a node, by path. Absent where they are flannel's. */
  files?(lab: Lab, node: LabNode): {readonly [path: string]: string};
  refuses?(spec: LabSpec): {readonly message: string; readonly hint: string} | undefined;
}
