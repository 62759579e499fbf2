import {recordsOfEtcd} from '../../core/flannel/records/etcd.js';
import {at} from '../../core/flannel/records/json.js';
import {type KubernetesObjects, recordsOfKubernetes} from '../../core/flannel/records/kubernetes.js';
import type {RecordGap, Records} from '../../core/flannel/records.js';
import type {RecordFlags} from '../record-flags.js';

/** Files that lie beside the nodes of a snapshot, by name, as text. */
export type RecordFiles = {readonly [name: string]: string};

/** The file of each kind of object, as `kubectl get … -o json` prints it. */
const fileOf = {
  nodes: 'nodes.json',
  configMaps: 'configmap.json',
  daemonSets: 'daemonsets.json',
  pods: 'pods.json',
  services: 'services.json',
} as const satisfies {readonly [K in keyof KubernetesObjects]: string};

/** What was said of the records when they were read, so that they are judged the same from a file: where they are from, and what was refused. */
interface About {
  readonly source?: unknown;
  readonly from?: unknown;
  readonly prefix?: unknown;
  readonly configMap?: unknown;
  readonly gaps?: unknown;
}

/** The files of what an API server said; `recordsOfFiles` makes the same records of them. */
export function filesOfKubernetes(objects: KubernetesObjects, records: Records, asked: RecordFlags): RecordFiles {
  const kept = Object.entries(fileOf).flatMap(([kind, file]) => {
    const items = objects[kind as keyof KubernetesObjects];
    return items === undefined ? [] : [[file, JSON.stringify({apiVersion: 'v1', kind: 'List', items})]];
  });
  const about = {
    source: records.source,
    from: records.from,
    ...(records.annotationPrefix !== undefined && {prefix: records.annotationPrefix}),
    configMap: {namespace: asked['flannel-namespace'], name: asked['flannel-configmap']},
    gaps: records.gaps,
  };
  return {...Object.fromEntries(kept), 'records.json': JSON.stringify(about)};
}

/** The same of etcd's: its keys with their values, versions and what time they have left. */
export function filesOfEtcd(records: Records): RecordFiles {
  const {netConf, nodes, source, from, gaps, keyPrefix} = records;
  const keys = [
    ...(netConf ? [{key: netConf.where, value: netConf.text, version: netConf.version}] : []),
    ...nodes.flatMap(({lease}) =>
      Object.entries(lease.raw).map(([key, value]) => ({
        key,
        value,
        ...(lease.version !== undefined && {version: lease.version}),
        ...(lease.ttl !== undefined && {ttl: lease.ttl}),
      })),
    ),
  ];
  return {
    'etcd.json': JSON.stringify(keys),
    'records.json': JSON.stringify({source, from, ...(keyPrefix !== undefined && {prefix: keyPrefix}), gaps}),
  };
}

/**
 * The records that lie beside the nodes of a snapshot or a loose folder; undefined when none do. A file that is no JSON is a gap.
 * Where both Node objects and etcd's keys lie there, flannel's mark on the nodes decides which of them it goes by.
 */
export function recordsOfFiles(files: RecordFiles, flags: RecordFlags): Records | undefined {
  const gaps: RecordGap[] = [];
  const read = (name: string): unknown => {
    const text = files[name];
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      gaps.push({what: name, why: `not JSON: ${error instanceof Error ? error.message : String(error)}`});
      return undefined;
    }
  };
  const about = (read('records.json') ?? {}) as About;
  const there = Object.entries(fileOf).filter(([, file]) => files[file] !== undefined);
  const from = (names: readonly string[]): string => (typeof about.from === 'string' ? about.from : names.join(', '));
  const earlier = Array.isArray(about.gaps) ? about.gaps.filter(isGap) : [];
  const prefix = typeof about.prefix === 'string' ? about.prefix : undefined;
  const kubernetes = (): Records => {
    const objects: KubernetesObjects = Object.fromEntries(
      there.flatMap(([kind, file]) => {
        const value = read(file);
        return value === undefined ? [] : [[kind, value]];
      }),
    );
    const annotationPrefix = flags['annotation-prefix'] ?? prefix;
    const kept = (key: 'namespace' | 'name'): string | undefined => {
      const value = at(about.configMap, key);
      return typeof value === 'string' ? value : undefined;
    };
    return recordsOfKubernetes(objects, {
      from: from(there.map(([, file]) => file)),
      ...(annotationPrefix !== undefined && {annotationPrefix}),
      configMap: {
        namespace: flags['flannel-namespace'] ?? kept('namespace'),
        name: flags['flannel-configmap'] ?? kept('name'),
      },
      gaps: [...earlier, ...gaps],
    });
  };
  const inKubernetes = there.length > 0 || about.source === 'kubernetes' ? kubernetes() : undefined;
  const byEtcd = about.source === 'etcd' || (about.source !== 'kubernetes' && !inKubernetes?.nodes.some((node) => node.lease.managed));
  if (files['etcd.json'] === undefined || !byEtcd) return inKubernetes;
  const keys = read('etcd.json');
  const beside = inKubernetes && {
    ...(inKubernetes.pods && {pods: inKubernetes.pods}),
    ...(inKubernetes.services && {services: inKubernetes.services}),
  };
  const options = {from: from(['etcd.json']), ...(prefix !== undefined && {prefix}), gaps: [...earlier, ...gaps]};
  return {...recordsOfEtcd(keys ?? [], options), ...beside};
}

const isGap = (value: unknown): value is RecordGap => typeof at(value, 'what') === 'string' && typeof at(value, 'why') === 'string';
