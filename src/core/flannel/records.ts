import type {Ip, Mac, Prefix} from '../net/address.js';
import type {NetConfResult} from './net-conf.js';

/**
 * What flannel's own records say: the API server's Node objects and ConfigMap, or etcd's keys (model/flannel-backends.md §5.2, §5.3). The
 * same shape for both, so that rules ask what was published and not where. What was not looked at, or refused, is absent, never empty.
 */
export interface Records {
  readonly source: 'kubernetes' | 'etcd';
  /** For people: `context admin@prod`, `etcd https://10.0.0.5:2379`, `nodes.json`. */
  readonly from: string;
  readonly netConf?: NetConfRecord;
  readonly nodes: readonly NodeRecord[];
  /** DaemonSets that run flanneld; Kubernetes only. */
  readonly daemonSets?: readonly DaemonSetRecord[];
  /** Pods of those DaemonSets. */
  readonly flannelPods?: readonly FlannelPodRecord[];
  /** Those that were asked for, flannel's own at least: what is missing here may still be there. */
  readonly pods?: readonly PodRecord[];
  /** Likewise. */
  readonly services?: readonly ServiceRecord[];
  /** `flannel.alpha.coreos.com/` unless `--kube-annotation-prefix` says otherwise: what every annotation's name begins with. Kubernetes only. */
  readonly annotationPrefix?: string;
  /** Where etcd's keys begin: `/coreos.com/network`. etcd only. */
  readonly keyPrefix?: string;
  /** What in the records is doubtful and belongs to no one node: an object without a name, two ConfigMaps with a net-conf.json. */
  readonly problems?: readonly string[];
  /** What could not be read, and why: `pods: the API forbids list (ClusterRole …)`. */
  readonly gaps: readonly RecordGap[];
}

export interface RecordGap {
  readonly what: string;
  readonly why: string;
}

export interface NetConfRecord {
  /** `ConfigMap kube-flannel/kube-flannel-cfg, net-conf.json`; `/coreos.com/network/config`. */
  readonly where: string;
  /** Byte for byte as it is kept. */
  readonly text: string;
  readonly parsed: NetConfResult;
  /** For a compare-and-swap: `metadata.resourceVersion`, or etcd's mod_revision. */
  readonly version: string;
  /** RFC 3339: when its data was last written, where the API server says it (`metadata.managedFields`). */
  readonly changed?: string;
}

/** One node's lease as it is published. For etcd, which knows no node names, `name` is undefined until a node's tables say whose it is. */
export interface NodeRecord {
  readonly name?: string;
  readonly lease: LeaseRecord;
  /** `spec.podCIDRs`, else `spec.podCIDR`; absent in etcd. */
  readonly podCIDRs?: readonly string[];
  /** `status.addresses` of type InternalIP, ExternalIP and Hostname. */
  readonly addresses?: readonly {readonly type: string; readonly address: string}[];
  readonly ready?: boolean;
  readonly networkUnavailable?: {readonly status: string; readonly reason: string};
  readonly taints?: readonly string[];
  /** RFC 3339. */
  readonly created?: string;
  /** Of `status.nodeInfo.kubeletVersion`: there flannel is part of k3s itself, or a DaemonSet of RKE2. */
  readonly distribution?: 'k3s' | 'rke2';
  /** Which machine of which cloud it is: `aws:///eu-west-1a/i-…`. */
  readonly providerID?: string;
}

export interface LeaseRecord {
  /** `kube-subnet-manager` is "true"; in etcd always. A node where it is not is invisible to its peers (§5.3). */
  readonly managed: boolean;
  /** Annotations as they stand under flannel's prefix, or the key and value of etcd, to quote. */
  readonly raw: Readonly<Record<string, string>>;
  /** In Kubernetes the podCIDRs, in etcd from the key. */
  readonly subnet?: Prefix;
  readonly ipv6Subnet?: Prefix;
  readonly publicIP?: Ip;
  readonly publicIPv6?: Ip;
  readonly publicIPOverwrite?: Ip;
  readonly publicIPv6Overwrite?: Ip;
  /** What flanneld is told to publish (v0.25.3+); must be an address of the node. */
  readonly nodePublicIP?: Ip;
  readonly nodePublicIPv6?: Ip;
  /** Lower case; empty for the backends that publish none (§5.3). */
  readonly backendType?: string;
  readonly backendData?: BackendData;
  readonly backendV6Data?: BackendData;
  /** etcd: seconds until the key expires; `none` for a reservation, which has no lease. */
  readonly ttl?: number | 'none';
  readonly version?: string;
  /** What in it cannot be read: `backend-data is not JSON`. */
  readonly problems: readonly string[];
}

export interface BackendData {
  readonly vni?: number;
  readonly vtepMAC?: Mac;
  readonly publicKey?: string;
  readonly listenPort?: number;
}

export interface DaemonSetRecord {
  readonly namespace: string;
  readonly name: string;
  /** The container that runs flanneld. */
  readonly container: string;
  readonly image: string;
  /** The words after `flanneld`, whether they stand under `command` or `args`. */
  readonly args: readonly string[];
  /** Mounted where flanneld reads its net-conf.json. */
  readonly configMap?: string;
  /** Of its environment what `readEnv` names, where it stands there as text. */
  readonly env: Readonly<Record<string, string>>;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly updateStrategy?: string;
  /** Bytes as written: `50Mi`. */
  readonly memoryLimit?: string;
  readonly created?: string;
}

export interface FlannelPodRecord {
  readonly namespace: string;
  readonly name: string;
  /** Empty when it is not bound to one yet and none can be told from its affinity. */
  readonly node: string;
  readonly container: string;
  readonly daemonSet?: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly restarts: number;
  /** RFC 3339: when the container that runs now began, to tell whether it has read the ConfigMap of today. */
  readonly started?: string;
  /** Why it waits or last ended: `CrashLoopBackOff`, `OOMKilled`, `Error`. */
  readonly waiting?: string;
  readonly lastEnd?: string;
  /** Of that end. */
  readonly exitCode?: number;
  /** It is being deleted. */
  readonly deleting?: boolean;
}

export interface PodRecord {
  readonly namespace: string;
  readonly name: string;
  readonly node?: string;
  readonly hostNetwork: boolean;
  readonly phase: string;
  readonly ips: readonly Ip[];
}

export interface ServiceRecord {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIPs: readonly Ip[];
  readonly ports: readonly {readonly name?: string; readonly port: number; readonly protocol: string; readonly nodePort?: number}[];
}
