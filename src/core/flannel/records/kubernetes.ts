import {type Ip, tryIp} from '../../net/address.js';
import {parseNetConfText} from '../net-conf.js';
import type {DaemonSetRecord, NetConfRecord, NodeRecord, PodRecord, RecordGap, Records, ServiceRecord} from '../records.js';
import {defaultPrefix, given, leaseOfNode, prefixesOn, prefixOf} from './annotations.js';
import {daemonSetOf, flannelPodOf} from './daemons.js';
import {flagOf} from './flannel-container.js';
import {at, items, list, moment, object, text} from './json.js';

/** API objects as JSON: a list object, an array, or the one object. What was not asked for, or refused, is left out. */
export interface KubernetesObjects {
  readonly nodes?: unknown;
  readonly configMaps?: unknown;
  readonly daemonSets?: unknown;
  readonly pods?: unknown;
  readonly services?: unknown;
}

export interface KubernetesOptions {
  /** For people: `context admin@prod`, `nodes.json`. */
  readonly from: string;
  /** As `--kube-annotation-prefix` is written; else it is taken from the DaemonSets, else from what most nodes carry. */
  readonly annotationPrefix?: string;
  /** Where the ConfigMap is, when a person says so; else the one that the DaemonSet mounts, else any with a net-conf.json. */
  readonly configMap?: {readonly namespace?: string | undefined; readonly name?: string | undefined};
  /** What could not be read. */
  readonly gaps?: readonly RecordGap[];
}

/**
 * flannel's records out of the API server's objects. They come from outside and may hold anything: nothing is thrown, and every doubt is a
 * line under `problems`, of the node it belongs to or of the whole.
 */
export function recordsOfKubernetes(objects: KubernetesObjects, options: KubernetesOptions): Records {
  const problems: string[] = [];
  const daemonSets =
    objects.daemonSets === undefined
      ? undefined
      : items(objects.daemonSets)
          .flatMap((item) => daemonSetOf(item) ?? [])
          .toSorted(byName);
  const nodeItems = items(objects.nodes);
  const prefix = annotationPrefix(options.annotationPrefix, daemonSets ?? [], nodeItems);
  const netConf = netConfOf(items(objects.configMaps), daemonSets ?? [], options.configMap, problems);
  const pods = objects.pods === undefined ? undefined : items(objects.pods);
  return {
    source: 'kubernetes',
    from: options.from,
    annotationPrefix: prefix,
    ...(netConf && {netConf}),
    nodes: nodesOf(nodeItems, prefix, problems),
    ...(daemonSets && {daemonSets}),
    ...(pods && {
      flannelPods: pods.flatMap((item) => flannelPodOf(item) ?? []).toSorted(byName),
      pods: pods.flatMap((item) => podOf(item) ?? []).toSorted(byName),
    }),
    ...(objects.services !== undefined && {
      services: items(objects.services)
        .flatMap((item) => serviceOf(item) ?? [])
        .toSorted(byName),
    }),
    ...(problems.length > 0 && {problems}),
    gaps: options.gaps ?? [],
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byName = (a: {namespace: string; name: string}, b: {namespace: string; name: string}): number =>
  compare(a.namespace, b.namespace) || compare(a.name, b.name);

/** What a person says, else what the DaemonSets say, else what most nodes carry; the usual one when they are even. */
function annotationPrefix(asked: string | undefined, daemonSets: readonly DaemonSetRecord[], nodes: readonly unknown[]): string {
  if (asked !== undefined) return prefixOf(asked);
  const flag = daemonSets.flatMap((d) => flagOf(d.args, 'kube-annotation-prefix') ?? [])[0];
  if (flag !== undefined) return prefixOf(flag);
  const counted = new Map<string, number>([[defaultPrefix, 0]]);
  for (const node of nodes) for (const prefix of prefixesOn(node)) counted.set(prefix, (counted.get(prefix) ?? 0) + 1);
  return [...counted].toSorted((a, b) => b[1] - a[1])[0]![0];
}

function nodesOf(found: readonly unknown[], prefix: string, problems: string[]): readonly NodeRecord[] {
  const nodes = new Map<string, NodeRecord>();
  for (const item of found) {
    const name = text(item, 'metadata', 'name');
    if (name === undefined || name === '') problems.push('a Node object has no name');
    else if (nodes.has(name)) problems.push(`Node ${name} is listed twice`);
    else nodes.set(name, nodeOf(item, name, prefix));
  }
  return [...nodes.values()].toSorted((a, b) => compare(a.name!, b.name!));
}

function nodeOf(item: unknown, name: string, prefix: string): NodeRecord {
  const {lease, podCIDRs} = leaseOfNode(item, prefix);
  const conditions = list(at(item, 'status', 'conditions'));
  const condition = (type: string) => conditions.find((c) => text(c, 'type') === type);
  const [readiness, network] = [condition('Ready'), condition('NetworkUnavailable')];
  const kubelet = text(item, 'status', 'nodeInfo', 'kubeletVersion') ?? '';
  const distribution = kubelet.includes('+k3s') ? 'k3s' : kubelet.includes('+rke2') ? 'rke2' : undefined;
  return {
    name,
    lease,
    podCIDRs,
    addresses: list(at(item, 'status', 'addresses')).flatMap((a) => {
      const [type, address] = [text(a, 'type'), text(a, 'address')];
      return type === undefined || address === undefined ? [] : [{type, address}];
    }),
    ...(readiness !== undefined && {ready: text(readiness, 'status') === 'True'}),
    ...(network !== undefined && {
      networkUnavailable: {status: text(network, 'status') ?? 'Unknown', reason: text(network, 'reason') ?? ''},
    }),
    taints: list(at(item, 'spec', 'taints')).flatMap((t) => {
      const [key, value, effect] = [text(t, 'key'), text(t, 'value'), text(t, 'effect')];
      return key === undefined ? [] : [`${key}${value === undefined || value === '' ? '' : `=${value}`}:${effect ?? ''}`];
    }),
    ...given({created: moment(item, 'metadata', 'creationTimestamp')}),
    ...(distribution !== undefined && {distribution}),
    ...given({providerID: text(item, 'spec', 'providerID')}),
  };
}

/** Names that manifests use, most usual first: upstream's, Canal's, RKE2's. */
const usualNames = ['kube-flannel-cfg', 'canal-config', 'rke2-canal-config'];

function netConfOf(
  found: readonly unknown[],
  daemonSets: readonly DaemonSetRecord[],
  asked: KubernetesOptions['configMap'],
  problems: string[],
): NetConfRecord | undefined {
  const maps = found.flatMap((item) => {
    const [name, namespace, content] = [
      text(item, 'metadata', 'name'),
      text(item, 'metadata', 'namespace') ?? '',
      text(item, 'data', 'net-conf.json'),
    ];
    if (name === undefined) return [];
    if (asked?.name !== undefined && asked.name !== name) return [];
    if (asked?.namespace !== undefined && asked.namespace !== namespace) return [];
    const named = daemonSets.some((d) => d.configMap === name && d.namespace === namespace);
    if (content === undefined) {
      if (named || asked?.name !== undefined) problems.push(`ConfigMap ${namespace}/${name} has no text under net-conf.json`);
      return [];
    }
    return [{name, namespace, content, named, version: text(item, 'metadata', 'resourceVersion') ?? '', changed: changedAt(item)}];
  });
  const rank = ({name, namespace, named}: (typeof maps)[number]): number =>
    (named ? 0 : 100) + (usualNames.includes(name) ? usualNames.indexOf(name) : 10) + (namespace === 'kube-flannel' ? 0 : 0.5);
  const sorted = maps.toSorted((a, b) => rank(a) - rank(b) || compare(a.namespace, b.namespace) || compare(a.name, b.name));
  const [first] = sorted;
  if (first === undefined) return undefined;
  const other = sorted.find((map) => map !== first && map.content !== first.content && map.named === first.named);
  if (other)
    problems.push(
      `two ConfigMaps hold different net-conf.json: ${first.namespace}/${first.name}, which is taken, and ${other.namespace}/${other.name}`,
    );
  return {
    where: `ConfigMap ${first.namespace}/${first.name}, net-conf.json`,
    text: first.content,
    parsed: parseNetConfText(first.content),
    version: first.version,
    ...given({changed: first.changed}),
  };
}

/** When somebody last wrote the data of a ConfigMap; labels and annotations, which every `kubectl apply` touches, do not count. */
function changedAt(item: unknown): string | undefined {
  const times = list(at(item, 'metadata', 'managedFields')).flatMap((entry) =>
    at(entry, 'fieldsV1', 'f:data') === undefined ? [] : (moment(entry, 'time') ?? []),
  );
  return times.toSorted((a, b) => (Date.parse(a) || 0) - (Date.parse(b) || 0)).at(-1);
}

function podOf(item: unknown): PodRecord | undefined {
  const name = text(item, 'metadata', 'name');
  if (name === undefined) return undefined;
  const several = list(at(item, 'status', 'podIPs')).map((entry) => text(entry, 'ip'));
  return {
    namespace: text(item, 'metadata', 'namespace') ?? '',
    name,
    ...given({node: text(item, 'spec', 'nodeName')}),
    hostNetwork: at(item, 'spec', 'hostNetwork') === true,
    phase: text(item, 'status', 'phase') ?? 'Unknown',
    ips: addresses(several.length > 0 ? several : [text(item, 'status', 'podIP')]),
  };
}

const addresses = (texts: readonly (string | undefined)[]): readonly Ip[] =>
  texts.flatMap((value) => (value === undefined ? [] : (tryIp(value) ?? [])));

function serviceOf(item: unknown): ServiceRecord | undefined {
  const name = text(item, 'metadata', 'name');
  if (name === undefined) return undefined;
  const several = list(at(item, 'spec', 'clusterIPs')).filter((value) => typeof value === 'string');
  return {
    namespace: text(item, 'metadata', 'namespace') ?? '',
    name,
    clusterIPs: addresses(several.length > 0 ? several : [text(item, 'spec', 'clusterIP')]),
    ports: list(at(item, 'spec', 'ports')).flatMap((entry) => {
      const {port, nodePort} = object(entry);
      if (typeof port !== 'number') return [];
      return [
        {
          ...given({name: text(entry, 'name')}),
          port,
          protocol: text(entry, 'protocol') ?? 'TCP',
          ...(typeof nodePort === 'number' && {nodePort}),
        },
      ];
    }),
  };
}
