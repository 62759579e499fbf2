import {at, list, object, text} from './json.js';

/** One key of etcd, of either API. */
export interface EtcdKey {
  readonly key: string;
  readonly value: string;
  /** v3 `mod_revision`, v2 `modifiedIndex`. */
  readonly version?: string;
  /** Seconds; `none` when the key does not expire; undefined when nobody asked. */
  readonly ttl?: number | 'none';
}

/**
 * Keys and values in any of the forms they come in: a list of `EtcdKey`; an object of key → value (`etcd.json`); what
 * `etcdctl get --prefix -w json` prints (base64 under `kvs`); the tree of the v2 API (`node` with `nodes`).
 */
export function etcdKeysOf(given: unknown): {readonly keys: readonly EtcdKey[]; readonly problems: readonly string[]} {
  const problems: string[] = [];
  const keys: EtcdKey[] = [];
  const add = (key: string | undefined, value: unknown, version: unknown, ttl: unknown): void => {
    if (key === undefined) {
      problems.push('an entry of etcd has no key');
      return;
    }
    if (value === undefined || value === null) {
      problems.push(`${key} has no value`);
      return;
    }
    keys.push({
      key,
      value: typeof value === 'string' ? value : JSON.stringify(value),
      ...((typeof version === 'string' || typeof version === 'number') && {version: String(version)}),
      ...((ttl === 'none' || (typeof ttl === 'number' && Number.isFinite(ttl))) && {ttl}),
    });
  };
  if (Array.isArray(given)) {
    for (const item of given) add(text(item, 'key'), at(item, 'value'), at(item, 'version'), at(item, 'ttl'));
  } else if (Array.isArray(at(given, 'kvs'))) {
    for (const item of list(at(given, 'kvs'))) {
      const [key, value] = [decoded(at(item, 'key')), decoded(at(item, 'value') ?? '')];
      if (key !== undefined && value === undefined) problems.push(`${key}: its value is not base64`);
      // A key without a lease never expires; of one with a lease it is not known when.
      else add(key, value, at(item, 'mod_revision'), withoutLease(at(item, 'lease')) ? 'none' : undefined);
    }
  } else if (typeof at(given, 'node') === 'object') {
    for (const leaf of leaves(at(given, 'node')))
      add(text(leaf, 'key'), at(leaf, 'value'), at(leaf, 'modifiedIndex'), at(leaf, 'ttl') ?? 'none');
  } else if (typeof given === 'object' && given !== null) {
    for (const [key, value] of Object.entries(object(given))) add(key, value, undefined, undefined);
  } else if (given !== undefined) problems.push('what etcd holds is neither a list nor an object');
  return {keys, problems};
}

const withoutLease = (lease: unknown): boolean => lease === undefined || lease === 0 || lease === '0';

/** The values under a v2 directory. Its depth is whatever the answer says, so it is not walked by calling itself. */
function leaves(root: unknown): readonly unknown[] {
  const open = [root];
  const found: unknown[] = [];
  for (let node = open.shift(); node !== undefined; node = open.shift()) {
    const below = list(at(node, 'nodes'));
    if (below.length > 0) for (const child of below) open.push(child);
    else if (at(node, 'dir') !== true) found.push(node);
  }
  return found;
}

/** Text out of base64; undefined when it is none. */
export function decoded(base64: unknown): string | undefined {
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.length % 4 === 1) return undefined;
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}
