import {Refused} from './store.js';

type Json = unknown;
const isObject = (value: Json): value is {[key: string]: Json} => typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7386. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const out = isObject(target) ? {...target} : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = mergePatch(out[key], value);
  }
  return out;
}

/** Lists that Kubernetes merges by a key, as their Go types are tagged; a list that is not here is replaced. */
const mergeKeys: {readonly [field: string]: string} = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ports: 'port',
  conditions: 'type',
  addresses: 'type',
  ownerReferences: 'uid',
};

/** Strategic merge: as a merge patch, but lists with a key are merged by it, and `$patch: delete|replace` is obeyed. */
export function strategicPatch(target: Json, patch: Json, field = ''): Json {
  if (Array.isArray(patch)) {
    const key = mergeKeys[field];
    if (key === undefined || !Array.isArray(target)) return patch.filter((item) => !isObject(item) || item['$patch'] === undefined);
    if (patch.some((item) => isObject(item) && item['$patch'] === 'replace'))
      return patch.filter((item) => !isObject(item) || item['$patch'] !== 'replace');
    const out: Json[] = [...target];
    for (const item of patch) {
      if (!isObject(item)) continue;
      const at = out.findIndex((old) => isObject(old) && old[key] === item[key]);
      if (item['$patch'] === 'delete') {
        if (at >= 0) out.splice(at, 1);
      } else if (at < 0) out.push(item);
      else out[at] = strategicPatch(out[at], item);
    }
    return out;
  }
  if (!isObject(patch)) return patch;
  if (patch['$patch'] === 'replace') {
    const {$patch: _, ...rest} = patch;
    return rest;
  }
  const out = isObject(target) ? {...target} : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    if (value === null) delete out[key];
    else out[key] = strategicPatch(out[key], value, key);
  }
  return out;
}

/** RFC 6902: add, remove, replace, test. */
export function jsonPatch(target: Json, patch: Json): Json {
  const invalid = (why: string): Refused =>
    new Refused(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`);
  if (!Array.isArray(patch)) throw new Refused(400, 'BadRequest', 'a JSON patch is a list');
  const root = {value: structuredClone(target)};
  for (const step of patch as {op: string; path: string; value?: Json}[]) {
    const keys = step.path.split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    keys[0] = 'value';
    const last = keys.pop()!;
    let at: Json = root;
    for (const key of keys) at = isObject(at) || Array.isArray(at) ? (at as {[key: string]: Json})[key] : undefined;
    if (!isObject(at) && !Array.isArray(at)) throw invalid(`${step.path} is not there`);
    const holder = at as {[key: string]: Json};
    const there = Object.hasOwn(holder, last);
    if (step.op === 'test' && JSON.stringify(holder[last]) !== JSON.stringify(step.value))
      throw invalid(`testing value ${step.path} failed`);
    if ((step.op === 'remove' || step.op === 'replace') && !there) throw invalid(`${step.path} is not there`);
    if (step.op === 'remove') {
      if (Array.isArray(at)) at.splice(Number(last), 1);
      else delete holder[last];
    } else if (step.op === 'replace') holder[last] = step.value;
    else if (step.op === 'add') {
      if (Array.isArray(at)) at.splice(last === '-' ? at.length : Number(last), 0, step.value);
      else holder[last] = step.value;
    } else if (step.op !== 'test') throw invalid(`no operation ${step.op}`);
  }
  return root.value;
}
