import {daemonSetOf} from '../../core/flannel/records/daemons.js';
import {at, text} from '../../core/flannel/records/json.js';
import {type KubernetesObjects, recordsOfKubernetes} from '../../core/flannel/records/kubernetes.js';
import type {RecordGap, Records} from '../../core/flannel/records.js';
import {apiFailure, type KubeClient, KubeError, type KubeObject} from './kube-client.js';
import {prune} from './kube-prune.js';

export interface KubernetesWish {
  readonly annotationPrefix?: string | undefined;
  /** Where flannel's ConfigMap and DaemonSet are; kube-flannel, kube-system and wherever a DaemonSet runs flanneld unless told. */
  readonly namespace?: string | undefined;
  readonly configMap?: string | undefined;
  /**
   * `flannel`: only the pods that run flanneld. `all`: every pod of the cluster; `most`: likewise, where it is not too large for that and it is
   * allowed. Else those besides flannel's own: `ns/name`.
   */
  readonly pods: 'flannel' | 'most' | 'all' | readonly string[];
  /** `all`, or those with these names: `ns/name`. */
  readonly services: 'none' | 'all' | readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** What the API server said of flannel: the records, and the objects they were read from, as `kubectl get -o json` would name them. */
export interface KubernetesRead {
  readonly records: Records;
  readonly objects: KubernetesObjects;
}

/** Some thirty pods a node, ten kilobytes each: beyond this their listing costs more than the nodes' own tables. */
const MANY_NODES = 500;

/** Where manifests, Canal, RKE2 and older releases keep net-conf.json, when no DaemonSet tells. */
const NAMESPACES = ['kube-flannel', 'kube-system'];
const NAMES = ['kube-flannel-cfg', 'rke2-canal-config', 'canal-config', 'flannel-cfg', 'flannel-config'];

/**
 * Asks an API server for flannel's records: list nodes, daemonsets, flannel's pods (or all), get its ConfigMap, and services when asked.
 * What is refused beside the nodes is a gap in the records. @throws Failure when the nodes cannot be listed
 */
export async function kubernetesRecords(client: KubeClient, wish: KubernetesWish): Promise<KubernetesRead> {
  const gaps: RecordGap[] = [];
  const {signal} = wish;
  const asking = signal ? {signal} : {};
  const failed = (what: string, doing: string) => (error: unknown) => {
    signal?.throwIfAborted();
    gaps.push({what, why: apiFailure(error, doing).message});
    return undefined;
  };
  /** The one object; undefined when there is none. */
  const one = async (path: string): Promise<KubeObject | undefined> =>
    client.call('GET', path, asking).catch((error: unknown) => {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    });
  const pruned = async (path: string, kind: keyof typeof prune, query: Record<string, string> = {}): Promise<readonly KubeObject[]> =>
    client.list(path, {...asking, query}, prune[kind]);

  const nodes = await pruned('/api/v1/nodes', 'node').catch((error: unknown) => {
    signal?.throwIfAborted();
    throw apiFailure(error, 'listing the nodes');
  });
  const within = wish.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(wish.namespace)}`;
  const every = await client
    .list(`/apis/apps/v1${within}/daemonsets`, asking, prune.daemonSet)
    .catch(failed('daemonsets', 'listing the DaemonSets'));
  const daemonSets = every?.filter((item) => daemonSetOf(item) !== undefined);
  const [configMaps, pods, services] = await Promise.all([
    configMapsOf(daemonSets ?? [], wish, one).catch(failed('configmap', "reading flannel's ConfigMap")),
    podsOf(daemonSets, nodes.length > MANY_NODES && wish.pods === 'most' ? 'flannel' : wish.pods, pruned, one).catch(
      failed('pods', wish.pods === 'all' ? 'listing the pods' : "listing flannel's pods"),
    ),
    (wish.services === 'none' ? Promise.resolve(undefined) : servicesOf(wish.services, pruned, one)).catch(
      failed('services', 'reading services'),
    ),
  ]);
  const objects: KubernetesObjects = {
    nodes,
    ...(daemonSets && {daemonSets}),
    ...(configMaps && {configMaps}),
    ...(pods && {pods}),
    ...(services && {services}),
  };
  const {annotationPrefix, namespace, configMap} = wish;
  const records = recordsOfKubernetes(objects, {
    from: client.from,
    ...(annotationPrefix !== undefined && {annotationPrefix}),
    configMap: {namespace, name: configMap},
    gaps,
  });
  return {records, objects};
}

type One = (path: string) => Promise<KubeObject | undefined>;
type Several = (path: string, kind: 'pod' | 'service', query?: Record<string, string>) => Promise<readonly KubeObject[]>;

/** Those that a DaemonSet mounts; where none is known, those with a usual name. They are asked for one by one: `get` is all it needs. */
async function configMapsOf(daemonSets: readonly KubeObject[], wish: KubernetesWish, one: One): Promise<readonly KubeObject[]> {
  const mounted = daemonSets.flatMap((item) => {
    const set = daemonSetOf(item);
    return set?.configMap === undefined ? [] : [{namespace: set.namespace, name: set.configMap}];
  });
  const usual = (wish.namespace === undefined ? NAMESPACES : [wish.namespace]).flatMap((namespace) =>
    (wish.configMap === undefined ? NAMES : [wish.configMap]).map((name) => ({namespace, name})),
  );
  const asked = wish.configMap === undefined && mounted.length > 0 ? mounted : usual;
  const paths = new Set(asked.map((m) => `/api/v1/namespaces/${encodeURIComponent(m.namespace)}/configmaps/${encodeURIComponent(m.name)}`));
  const found = await Promise.all([...paths].map(one));
  return found.flatMap((item) => (item === undefined ? [] : [prune.configMap(item)]));
}

/** All pods; or flannel's own by the labels its DaemonSets select them by, and those that are asked for by name. */
async function podsOf(
  daemonSets: readonly KubeObject[] | undefined,
  wanted: KubernetesWish['pods'],
  several: Several,
  one: One,
): Promise<readonly KubeObject[]> {
  if (wanted === 'all') return several('/api/v1/pods', 'pod');
  // Nobody asked for them by name: where they are refused, flannel's own will do.
  const most = wanted === 'most' ? await several('/api/v1/pods', 'pod').catch(() => undefined) : undefined;
  if (most !== undefined) return most;
  const listed = await Promise.all(
    (daemonSets ?? []).map((item) => {
      const labels = Object.entries((at(item, 'spec', 'selector', 'matchLabels') ?? {}) as Record<string, string>);
      const path = `/api/v1/namespaces/${encodeURIComponent(text(item, 'metadata', 'namespace') ?? '')}/pods`;
      return several(path, 'pod', labels.length === 0 ? {} : {labelSelector: labels.map(([k, v]) => `${k}=${v}`).join(',')});
    }),
  );
  const named = await Promise.all((typeof wanted === 'string' ? [] : wanted).map((name) => one(placeOf(name, 'pods'))));
  const all = [...listed.flat(), ...named.flatMap((item) => (item === undefined ? [] : [prune.pod(item)]))];
  // Older manifests have one DaemonSet an architecture, all with the same labels.
  return [...new Map(all.map((item) => [`${text(item, 'metadata', 'namespace')}/${text(item, 'metadata', 'name')}`, item])).values()];
}

async function servicesOf(asked: 'all' | readonly string[], several: Several, one: One): Promise<readonly KubeObject[]> {
  if (asked === 'all') return several('/api/v1/services', 'service');
  const found = await Promise.all(asked.map((name) => one(placeOf(name, 'services'))));
  return found.flatMap((item) => (item === undefined ? [] : [prune.service(item)]));
}

/** `/api/v1/namespaces/NS/pods/NAME` of `NS/NAME`. */
function placeOf(name: string, resource: 'pods' | 'services'): string {
  const [namespace = '', own = ''] = name.split('/');
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(own)}`;
}
