import {etcdKeysOf} from '../flannel/records/etcd-keys.js';
import {at, list, object, text} from '../flannel/records/json.js';
import {cloudReplaced, providerReplaced} from './cloud.js';
import type {NameKind} from './name.js';
import type {Redactor} from './redactor.js';

/** The files of a snapshot's records, by name, as edge/sources/record-files.ts keeps them. */
export type RecordTexts = {readonly [name: string]: string};

/** Of which kind the objects of a file are named; those of flannel's own DaemonSets and ConfigMaps are what rules find them by. */
const kinds: Readonly<Record<string, NameKind | undefined>> = {'nodes.json': 'node', 'pods.json': 'pod', 'services.json': 'service'};
const files = new Set([...Object.keys(kinds), 'configmap.json', 'daemonsets.json']);

export function learnRecords(redactor: Redactor, texts: RecordTexts): void {
  const {names, known} = redactor;
  for (const [file, content] of Object.entries(texts)) {
    const value = parsed(content);
    const kind = kinds[file];
    for (const item of files.has(file) ? itemsOf(value) : []) {
      names.learn('namespace', text(item, 'metadata', 'namespace') ?? '');
      if (kind !== undefined) names.learn(kind, text(item, 'metadata', 'name') ?? '');
      names.learn('node', text(item, 'spec', 'nodeName') ?? '');
      if (file === 'nodes.json') for (const name of hostNames(item)) names.learn('node', name);
    }
    for (const string of file === 'etcd.json'
      ? etcdKeysOf(value).keys.flatMap(({key, value}) => [key, value])
      : stringsIn(value ?? content))
      known.learn(string);
    const context = /^context (\S+)$/.exec(text(value, 'from') ?? '')?.[1];
    if (file === 'records.json' && context !== undefined) names.learn('context', context);
  }
}

/** The same files with their names, addresses and keys replaced. What is not JSON is treated as text. */
export function redactRecords(redactor: Redactor, texts: RecordTexts): RecordTexts {
  return Object.fromEntries(
    Object.entries(texts).map(([file, content]) => {
      const value = parsed(content);
      if (value === undefined) return [file, redactor.prose(content)];
      if (file.startsWith('cloud-')) return [file, JSON.stringify(cloudReplaced(redactor, value, file))];
      if (file === 'etcd.json') {
        const keys = etcdKeysOf(value).keys.map((entry) => ({
          ...entry,
          key: redactor.numbers(entry.key),
          value: redactor.numbers(entry.value),
        }));
        return [file, JSON.stringify(keys)];
      }
      return [file, JSON.stringify(files.has(file) ? replaced(redactor, value, kinds[file], []) : everything(redactor, value))];
    }),
  );
}

/** An API object: a name stands where the API has one, anything else is taken for numbers. */
function replaced(redactor: Redactor, value: unknown, kind: NameKind | undefined, path: readonly string[]): unknown {
  const {names} = redactor;
  if (Array.isArray(value)) return value.map((item) => replaced(redactor, item, kind, path));
  if (typeof value === 'object' && value !== null) {
    if (path.at(-1) === 'taints') return taint(redactor, object(value));
    const fields = Object.entries(value).map(([key, item]) => [key, replaced(redactor, item, kind, [...path, key])]);
    return Object.fromEntries(fields) as unknown;
  }
  if (typeof value !== 'string') return value;
  const [above, key] = [path.at(-2), path.at(-1)];
  if (key === 'namespace') return names.of('namespace', value);
  if (key === 'nodeName' || key?.endsWith('kubernetes.io/hostname')) return names.of('node', value);
  if (key === 'name' && above === 'metadata' && kind !== undefined) return names.of(kind, value);
  // The two places where the name of a node stands among other things.
  if ((key === 'address' && above === 'addresses') || (key === 'values' && above === 'matchFields'))
    return names.inText(redactor.numbers(value));
  if (key === 'providerID') return providerReplaced(redactor, value);
  if (key === 'image') return redactor.numbers(image(redactor, value));
  if (key === 'reason' || key === 'message') return redactor.prose(value);
  return redactor.numbers(value);
}

/** Of a taint of somebody's own only that it is one; those that Kubernetes and the clouds set say why a node is not to be used. */
function taint(redactor: Redactor, value: Readonly<Record<string, unknown>>): unknown {
  const key = text(value, 'key') ?? '';
  if (/(^|[./])(kubernetes|k8s|cloudprovider)/.test(key)) return value;
  return {key: redactor.names.of('taint', key), ...(value['effect'] !== undefined && {effect: value['effect']})};
}

/** Whose registry it is says who somebody is; what the image is and its version say how it behaves. */
function image(redactor: Redactor, value: string): string {
  if (/^(docker\.io\/|ghcr\.io\/|quay\.io\/|registry\.k8s\.io\/)?(flannel|flannel-io|coreos|rancher|k3s-io|calico)\//.test(value))
    return value;
  const slash = value.lastIndexOf('/');
  return slash === -1 ? value : `${redactor.names.of('registry', value.slice(0, slash))}${value.slice(slash)}`;
}

const everything = (redactor: Redactor, value: unknown): unknown =>
  Array.isArray(value)
    ? value.map((item) => everything(redactor, item))
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, item]) => [redactor.prose(key), everything(redactor, item)]))
      : typeof value === 'string'
        ? redactor.prose(value)
        : value;

const itemsOf = (value: unknown): readonly unknown[] => {
  const items = at(value, 'items');
  return Array.isArray(items) ? items : Array.isArray(value) ? value : [value];
};

const hostNames = (node: unknown): readonly string[] => [
  ...list(at(node, 'status', 'addresses')).flatMap((a) => (/IP$/.test(text(a, 'type') ?? '') ? [] : (text(a, 'address') ?? []))),
  ...Object.entries(object(at(node, 'metadata', 'labels'))).flatMap(([key, value]) =>
    key.endsWith('kubernetes.io/hostname') && typeof value === 'string' ? [value] : [],
  ),
];

const stringsIn = (value: unknown): readonly string[] =>
  typeof value === 'string' ? [value] : typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
