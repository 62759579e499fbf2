import type {DaemonSetRecord, FlannelPodRecord} from '../records.js';
import {given} from './annotations.js';
import {flagOf, flannelContainer, labelledFlannel} from './flannel-container.js';
import {at, list, moment, object, text} from './json.js';

const strings = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(object(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

/** A DaemonSet object as one that runs flanneld; undefined when it does not. */
export function daemonSetOf(item: unknown): DaemonSetRecord | undefined {
  const name = text(item, 'metadata', 'name');
  const pod = at(item, 'spec', 'template', 'spec');
  const labelled = labelledFlannel(at(item, 'metadata', 'labels')) || labelledFlannel(at(item, 'spec', 'template', 'metadata', 'labels'));
  const container = flannelContainer(pod, labelled);
  if (name === undefined || container === undefined) return undefined;
  return {
    namespace: text(item, 'metadata', 'namespace') ?? '',
    name,
    container: container.name,
    image: container.image,
    args: container.args,
    env: envOf(container.spec),
    nodeSelector: strings(at(pod, 'nodeSelector')),
    ...given({
      configMap: configMapOf(pod, container.spec, container.args),
      updateStrategy: text(item, 'spec', 'updateStrategy', 'type'),
      memoryLimit: text(container.spec, 'resources', 'limits', 'memory'),
      created: moment(item, 'metadata', 'creationTimestamp'),
    }),
  };
}

/** What of flanneld's environment decides how it runs (model/flannel-backends.md §7); the rest may hold secrets and is not read. */
export const readEnv: ReadonlySet<string> = new Set([
  'EVENT_QUEUE_DEPTH',
  'CONT_WHEN_CACHE_NOT_READY',
  'KUBERNETES_SERVICE_HOST',
  'KUBERNETES_SERVICE_PORT',
]);

const envOf = (container: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    list(at(container, 'env')).flatMap((entry) => {
      const [name, value] = [text(entry, 'name'), text(entry, 'value')];
      return name !== undefined && value !== undefined && readEnv.has(name) ? [[name, value]] : [];
    }),
  );

/** The ConfigMap of the volume that holds the path flanneld reads its configuration from. */
function configMapOf(pod: unknown, container: unknown, args: readonly string[]): string | undefined {
  const path = flagOf(args, 'net-config-path') ?? '/etc/kube-flannel/net-conf.json';
  const mounts = list(at(container, 'volumeMounts')).flatMap((mount) => {
    const at = text(mount, 'mountPath')?.replace(/\/+$/, '');
    return at !== undefined && (path === at || path.startsWith(`${at}/`)) ? [{at, volume: text(mount, 'name')}] : [];
  });
  const volume = mounts.toSorted((a, b) => b.at.length - a.at.length)[0]?.volume;
  return list(at(pod, 'volumes')).flatMap((v) => (text(v, 'name') === volume ? (text(v, 'configMap', 'name') ?? []) : []))[0];
}

/** A Pod object as one of flannel's own; undefined when no container of it runs flanneld. */
export function flannelPodOf(item: unknown): FlannelPodRecord | undefined {
  const name = text(item, 'metadata', 'name');
  const container = flannelContainer(at(item, 'spec'), labelledFlannel(at(item, 'metadata', 'labels')));
  if (name === undefined || container === undefined) return undefined;
  const named = (of: string) => list(at(item, 'status', of)).find((s) => text(s, 'name') === container.name);
  const status = named('containerStatuses');
  const initial = list(at(item, 'status', 'initContainerStatuses')).map((s) => ({
    waiting: text(s, 'state', 'waiting', 'reason'),
    ended: at(s, 'state', 'terminated') ?? at(s, 'lastState', 'terminated'),
    restarts: at(s, 'restartCount'),
  }));
  // An init container that does not come to its end is why the main one still waits.
  const stuck = initial.find((s) => s.waiting !== undefined && s.waiting !== 'PodInitializing');
  const ended = at(status, 'lastState', 'terminated') ?? at(status, 'state', 'terminated') ?? stuck?.ended;
  const restarts = at(status, 'restartCount');
  const exitCode = at(ended, 'exitCode');
  const owner = list(at(item, 'metadata', 'ownerReferences')).find((o) => text(o, 'kind') === 'DaemonSet');
  return {
    namespace: text(item, 'metadata', 'namespace') ?? '',
    name,
    node: text(item, 'spec', 'nodeName') ?? meantFor(item) ?? '',
    container: container.name,
    phase: text(item, 'status', 'phase') ?? 'Unknown',
    ready: at(status, 'ready') === true,
    restarts: typeof restarts === 'number' && Number.isFinite(restarts) ? restarts : 0,
    ...given({
      daemonSet: text(owner, 'name'),
      started: moment(status, 'state', 'running', 'startedAt'),
      waiting: stuck?.waiting ?? text(status, 'state', 'waiting', 'reason') ?? text(item, 'status', 'reason'),
      lastEnd: text(ended, 'reason'),
      exitCode: typeof exitCode === 'number' ? exitCode : undefined,
      deleting: moment(item, 'metadata', 'deletionTimestamp') === undefined ? undefined : true,
    }),
  };
}

/** A DaemonSet's pod that waits for its node says in its affinity which one that is. */
function meantFor(item: unknown): string | undefined {
  const required = at(item, 'spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution');
  const fields = list(at(required, 'nodeSelectorTerms')).flatMap((term) => list(at(term, 'matchFields')));
  const names = fields.find((field) => text(field, 'key') === 'metadata.name');
  const [name] = list(at(names, 'values'));
  return typeof name === 'string' ? name : undefined;
}
