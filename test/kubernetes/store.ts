import {randomUUID} from 'node:crypto';

export interface Meta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  creationTimestamp?: string;
  generateName?: string;
  labels?: {[key: string]: string};
  annotations?: {[key: string]: string};
  ownerReferences?: {kind: string; name: string; uid?: string}[];
  [key: string]: unknown;
}
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: Meta;
  [key: string]: unknown;
}

export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly short?: string;
  readonly subresources?: readonly string[];
}

/** What the stand-in has; another kind is one line. */
export const kinds: readonly Kind[] = [
  {group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false, short: 'no', subresources: ['status']},
  {group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false, short: 'ns'},
  {group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true, short: 'po', subresources: ['status', 'exec']},
  {group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true, short: 'cm'},
  {group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true, short: 'svc'},
  {group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true, short: 'ev'},
  {group: 'apps', version: 'v1', plural: 'daemonsets', kind: 'DaemonSet', namespaced: true, short: 'ds', subresources: ['status']},
  {group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true},
  {group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true},
];

export const apiVersionOf = ({group, version}: Kind): string => (group === '' ? version : `${group}/${version}`);

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly kind: Kind;
  readonly object: KubeObject;
  readonly version: number;
}

/** An answer that is no success, with what a Status object says. */
export class Refused extends Error {
  readonly code: number;
  readonly reason: string;
  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

const resourceName = ({plural, group}: Kind): string => (group === '' ? plural : `${plural}.${group}`);

/** Objects, their versions, and what has happened to them. */
export class Store {
  #version = 1000;
  readonly #objects = new Map<string, KubeObject>();
  readonly log: WatchEvent[] = [];
  readonly listeners = new Set<(event: WatchEvent) => void>();

  get version(): string {
    return String(this.#version);
  }

  #key(kind: Kind, namespace: string | undefined, name: string): string {
    return `${kind.group}/${kind.plural}/${kind.namespaced ? namespace : ''}/${name}`;
  }

  #tell(type: WatchEvent['type'], kind: Kind, object: KubeObject): void {
    const event = {type, kind, object: structuredClone(object), version: this.#version};
    this.log.push(event);
    for (const listener of this.listeners) listener(event);
  }

  create(kind: Kind, namespace: string | undefined, given: KubeObject): KubeObject {
    const object = structuredClone(given);
    const {metadata} = object;
    if (metadata.generateName !== undefined && metadata.name === undefined)
      metadata.name = `${metadata.generateName}${randomUUID().slice(0, 5)}`;
    if (!metadata.name)
      throw new Refused(422, 'Invalid', `${kind.kind} "" is invalid: metadata.name: Required value: name or generateName is required`);
    const key = this.#key(kind, namespace, metadata.name);
    if (this.#objects.has(key)) throw new Refused(409, 'AlreadyExists', `${resourceName(kind)} "${metadata.name}" already exists`);
    if (kind.namespaced) metadata.namespace = namespace!;
    metadata.uid ??= randomUUID();
    metadata.creationTimestamp ??= `${new Date().toISOString().slice(0, 19)}Z`;
    metadata.resourceVersion = String(++this.#version);
    object.apiVersion = apiVersionOf(kind);
    object.kind = kind.kind;
    this.#objects.set(key, object);
    this.#tell('ADDED', kind, object);
    return structuredClone(object);
  }

  get(kind: Kind, namespace: string | undefined, name: string): KubeObject {
    const found = this.#objects.get(this.#key(kind, namespace, name));
    if (!found) throw new Refused(404, 'NotFound', `${resourceName(kind)} "${name}" not found`);
    return structuredClone(found);
  }

  list(kind: Kind, namespace: string | undefined): KubeObject[] {
    const prefix = `${kind.group}/${kind.plural}/`;
    return [...this.#objects]
      .filter(([key, o]) => key.startsWith(prefix) && (namespace === undefined || o.metadata.namespace === namespace))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => structuredClone(object));
  }

  /** Replaces it; with `metadata.resourceVersion` only where that is still the newest. A change of nothing is none. */
  update(kind: Kind, namespace: string | undefined, name: string, given: KubeObject): KubeObject {
    const old = this.get(kind, namespace, name);
    const wanted = given.metadata.resourceVersion;
    if (wanted !== undefined && wanted !== '' && wanted !== old.metadata.resourceVersion)
      throw new Refused(
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
      );
    const object = structuredClone(given);
    const {uid, creationTimestamp, resourceVersion} = old.metadata;
    object.metadata = {...object.metadata, name, uid: uid!, creationTimestamp: creationTimestamp!, resourceVersion: resourceVersion!};
    object.apiVersion = apiVersionOf(kind);
    object.kind = kind.kind;
    if (JSON.stringify(object) === JSON.stringify(old)) return old;
    object.metadata.resourceVersion = String(++this.#version);
    this.#objects.set(this.#key(kind, namespace, name), object);
    this.#tell('MODIFIED', kind, object);
    return structuredClone(object);
  }

  delete(kind: Kind, namespace: string | undefined, name: string): KubeObject {
    const old = this.get(kind, namespace, name);
    this.#objects.delete(this.#key(kind, namespace, name));
    old.metadata.resourceVersion = String(++this.#version);
    this.#tell('DELETED', kind, old);
    return old;
  }
}

/** By group and plural. */
export function kindNamed(plural: string, group = ''): Kind {
  const found = kinds.find((k) => k.plural === plural && k.group === group);
  if (!found) throw new Refused(404, 'NotFound', 'the server could not find the requested resource');
  return found;
}
