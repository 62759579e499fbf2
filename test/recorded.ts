import {type Lease, leaseOf} from '../src/core/flannel/lease.js';
import type {KubernetesObjects} from '../src/core/flannel/records/kubernetes.js';
import type {Records} from '../src/core/flannel/records.js';
import {buildCluster, type Cluster} from '../src/core/model/cluster.js';
import {readNode} from '../src/core/model/read-node.js';
import {Surveyor} from '../src/core/model/survey.js';
import type {Family} from '../src/core/net/address.js';
import type {NodeDump} from '../src/core/node/dump.js';
import {type RecordFiles, recordsOfFiles} from '../src/edge/sources/record-files.js';
import {type Version, versionOf} from './forms/version.js';

/** The records that flannel would have kept of the nodes of these dumps, in its exact form (model/flannel-backends.md §5.2, §5.3). */

export const annotation = (name: string): string => `flannel.alpha.coreos.com/${name}`;
export const etcdRoot = '/coreos.com/network';
const newest = versionOf('v0.28.9');

function clusterOf(dumps: readonly NodeDump[]): Cluster {
  const surveyor = new Surveyor();
  for (const dump of dumps) surveyor.add(readNode(dump));
  return buildCluster(surveyor, isCanal(dumps) ? {netConf: JSON.parse(netConfOf(dumps))} : {});
}

/** What a node publishes of its own devices (§5.3): `VNI` since v0.14, WireGuard's `Port` since v0.26.6. */
function backendData({mode, settings}: Cluster, lease: Lease, family: Family, {at}: Version): unknown {
  const own = leaseOf(lease, family);
  if (mode?.type === 'vxlan') return {...(at >= 1400 && {VNI: settings?.vni}), VtepMAC: own?.vtepMAC};
  if (mode?.type === 'wireguard') return {PublicKey: own?.publicKey, ...(at >= 2606 && {Port: own?.wgPort})};
  if (mode?.type === 'extension') return lease.publicKey ?? '';
  return null;
}

/** What it publishes as backend type: udp and alloc nothing. */
const typeIn = ({mode}: Cluster): string => (mode!.type === 'udp' || mode!.fabric === 'routes' ? '' : mode!.type);

/** Canal keeps flannel's files inside flannel's container. */
const isCanal = (dumps: readonly NodeDump[]): boolean => dumps[0]!.sections.some((s) => s.name === 'cni/10-canal.conflist');

const netConfOf = (dumps: readonly NodeDump[]): string =>
  isCanal(dumps)
    ? '{"Network": "10.244.0.0/16", "EnableIPv6": false, "Backend": {"Type": "vxlan"}}'
    : dumps[0]!.sections.find((s) => s.name === 'net-conf.json')!.out;

/** What the objects are called, and what they hold beside flanneld (model/flannel-backends.md §5.4, §8). */
const upstream = (version: Version) => ({
  // The namespace is flannel's own since v0.19; v0.11 and v0.12 had a DaemonSet for each architecture.
  namespace: version.at >= 1900 ? 'kube-flannel' : 'kube-system',
  daemonSet: version.at >= 1100 && version.at < 1300 ? 'kube-flannel-ds-amd64' : 'kube-flannel-ds',
  configMap: 'kube-flannel-cfg',
  labels: {app: 'flannel', tier: 'node'},
  image: `ghcr.io/flannel-io/flannel:${version.name}`,
  args: ['--ip-masq', '--kube-subnet-mgr'],
  others: [] as readonly unknown[],
  kubelet: 'v1.31.2',
});
const rke2 = {
  namespace: 'kube-system',
  daemonSet: 'rke2-canal',
  configMap: 'rke2-canal-config',
  labels: {'k8s-app': 'canal'},
  image: 'rancher/hardened-flannel:v0.26.7-build20250610',
  args: ['--ip-masq', '--kube-subnet-mgr', '--iptables-forward-rules=false', '--ip-blackhole-route'],
  others: [{name: 'calico-node', image: 'rancher/hardened-calico:v3.30.1-build20250610'}] as readonly unknown[],
  kubelet: 'v1.31.2+rke2r1',
};

/** Node objects, the ConfigMap, the DaemonSet and its pods, as `kubectl get -o json` prints them. */
export function objectsOf(dumps: readonly NodeDump[], version = newest): Required<Omit<KubernetesObjects, 'services'>> {
  const cluster = clusterOf(dumps);
  const {members} = cluster;
  const made = isCanal(dumps) ? rke2 : upstream(version);
  const data = (lease: Lease | undefined, family: Family) => JSON.stringify(backendData(cluster, lease!, family, version));
  const nodes = members.map(({name, lease}) => ({
    kind: 'Node',
    metadata: {
      name,
      resourceVersion: '1000',
      creationTimestamp: '2026-01-01T00:00:00Z',
      annotations: {
        [annotation('kube-subnet-manager')]: 'true',
        [annotation('backend-type')]: typeIn(cluster),
        [annotation('backend-data')]: data(lease, 4),
        [annotation('public-ip')]: lease!.publicIP,
        ...(lease!.publicIPv6 !== undefined && {
          [annotation('backend-v6-data')]: data(lease, 6),
          [annotation('public-ipv6')]: lease!.publicIPv6,
        }),
      },
    },
    spec: {podCIDR: lease!.subnet, podCIDRs: [lease!.subnet, lease!.ipv6Subnet].filter((s) => s !== undefined)},
    status: {
      addresses: [
        {type: 'InternalIP', address: lease!.publicIP},
        {type: 'Hostname', address: name},
      ],
      conditions: [
        // Since v0.12.
        ...(version.at >= 1200 ? [{type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp'}] : []),
        {type: 'Ready', status: 'True', reason: 'KubeletReady'},
      ],
      nodeInfo: {kubeletVersion: made.kubelet},
    },
  }));
  const container = {
    name: 'kube-flannel',
    image: made.image,
    command: ['/opt/bin/flanneld'],
    args: made.args,
    volumeMounts: [{name: 'flannel-cfg', mountPath: '/etc/kube-flannel/'}],
  };
  const {labels, namespace} = made;
  const spec = {
    containers: [...made.others, container],
    hostNetwork: true,
    volumes: [{name: 'flannel-cfg', configMap: {name: made.configMap}}],
  };
  return {
    nodes,
    configMaps: [
      {
        metadata: {namespace, name: made.configMap, resourceVersion: '900'},
        data: {'cni-conf.json': '{}', 'net-conf.json': netConfOf(dumps)},
      },
    ],
    daemonSets: [
      {
        metadata: {namespace, name: made.daemonSet, labels},
        spec: {template: {metadata: {labels}, spec}, updateStrategy: {type: 'RollingUpdate'}},
      },
    ],
    pods: members.map(({name, lease}) => ({
      metadata: {
        namespace,
        name: `${made.daemonSet}-${name}`,
        labels,
        ownerReferences: [{kind: 'DaemonSet', name: made.daemonSet}],
      },
      spec: {...spec, nodeName: name},
      status: {
        phase: 'Running',
        podIPs: [{ip: lease!.publicIP}],
        containerStatuses: [{name: 'kube-flannel', ready: true, restartCount: 0, state: {running: {startedAt: '2026-01-01T00:00:30Z'}}}],
      },
    })),
  };
}

/** Key → value, as flannel writes them to etcd's v3 API. */
export function keysOf(dumps: readonly NodeDump[], version = newest): Record<string, string> {
  const cluster = clusterOf(dumps);
  const {members} = cluster;
  return {
    [`${etcdRoot}/config`]: netConfOf(dumps),
    ...Object.fromEntries(
      members.map(({lease}) => [
        `${etcdRoot}/subnets/${lease!.subnet!.replace('/', '-')}${lease!.ipv6Subnet === undefined ? '' : `&${lease!.ipv6Subnet.replace('/', '-')}`}`,
        JSON.stringify({
          PublicIP: lease!.publicIP,
          ...(version.at >= 1500 && {PublicIPv6: lease!.publicIPv6 ?? null}),
          BackendType: typeIn(cluster),
          BackendData: backendData(cluster, lease!, 4, version),
          ...(lease!.publicIPv6 !== undefined && {BackendV6Data: backendData(cluster, lease!, 6, version)}),
        }),
      ]),
    ),
  };
}

/** How a case's records differ from what flannel would have kept: JSON merge patches (RFC 7386) of objects by name, or values by key. */
export interface RecordEdits {
  readonly from: 'kubernetes' | 'etcd';
  /** The release of flannel that wrote them; `v0.28.9` unless stated. */
  readonly version?: string;
  /** By name; `null` takes the object away, a name that is not there adds one. */
  readonly nodes?: Readonly<Record<string, unknown>>;
  /** By name, `kube-flannel-cfg`. */
  readonly configMaps?: Readonly<Record<string, unknown>>;
  readonly daemonSets?: Readonly<Record<string, unknown>>;
  readonly pods?: Readonly<Record<string, unknown>>;
  /** Below `/coreos.com/network/`: value or null; an object is merged into the JSON that is there. */
  readonly keys?: Readonly<Record<string, unknown>>;
  /** etcd: seconds until each key expires, by the same names. */
  readonly ttl?: Readonly<Record<string, number | 'none'>>;
}

export function recordsFor(dumps: readonly NodeDump[], edits: RecordEdits): Records {
  const files = filesFor(dumps, edits);
  return recordsOfFiles(files, {})!;
}

/** The same as `gather` keeps them beside the nodes. */
export function filesFor(dumps: readonly NodeDump[], edits: RecordEdits): RecordFiles {
  const version = edits.version === undefined ? newest : versionOf(edits.version);
  if (edits.from === 'etcd') {
    const keys: Record<string, unknown> = keysOf(dumps, version);
    for (const [name, edit] of Object.entries(edits.keys ?? {})) {
      const key = `${etcdRoot}/${name}`;
      const old = keys[key];
      if (edit === null) delete keys[key];
      else if (typeof edit === 'string') keys[key] = edit;
      else keys[key] = JSON.stringify(merged(old === undefined ? {} : JSON.parse(String(old)), edit));
      if (keys[key] === old) throw new Error(`the edit of ${key} changes nothing`);
    }
    const list = Object.entries(keys).map(([key, value]) => ({
      key,
      value,
      version: '7',
      ttl: edits.ttl?.[key.slice(etcdRoot.length + 1)] ?? 80_000,
    }));
    return {'etcd.json': JSON.stringify(list), 'records.json': JSON.stringify({source: 'etcd', from: 'etcd http://127.0.0.1:2379'})};
  }
  const objects = objectsOf(dumps, version);
  const items = (of: unknown, changes?: Readonly<Record<string, unknown>>): string => JSON.stringify({items: patched(of, changes)});
  return {
    'nodes.json': items(objects.nodes, edits.nodes),
    'configmap.json': items(objects.configMaps, edits.configMaps),
    'daemonsets.json': items(objects.daemonSets, edits.daemonSets),
    'pods.json': items(objects.pods, edits.pods),
    'records.json': JSON.stringify({source: 'kubernetes', from: 'context admin@prod'}),
  };
}

function patched(objects: unknown, edits: Readonly<Record<string, unknown>> = {}): readonly unknown[] {
  const byName = new Map((objects as {metadata: {name: string}}[]).map((o) => [o.metadata.name, o as unknown]));
  for (const [name, patch] of Object.entries(edits)) {
    const old = byName.get(name) ?? {metadata: {name}};
    const changed = merged(old, patch);
    if (JSON.stringify(changed) === JSON.stringify(old)) throw new Error(`the edit of ${name} changes nothing`);
    if (changed === null) byName.delete(name);
    else byName.set(name, changed);
  }
  return [...byName.values()];
}

/** RFC 7386. */
function merged(old: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base: Record<string, unknown> = typeof old === 'object' && old !== null && !Array.isArray(old) ? {...old} : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete base[key];
    else base[key] = merged(base[key], value);
  }
  return base;
}
