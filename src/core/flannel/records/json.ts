/**
 * Reading JSON from outside: nothing is taken to be there or to be of its kind. What is not as asked for is undefined, never thrown.
 */
export type Json = {readonly [key: string]: unknown};

/** The value as an object, or an empty one. */
export const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

/** A value inside objects, by its own keys: what `prototype` lends is not there. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) {
    const holder = object(found);
    found = Object.hasOwn(holder, key) ? holder[key] : undefined;
  }
  return found;
}

/** The value as a list, or an empty one. */
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const text = (value: unknown, ...keys: readonly string[]): string | undefined => {
  const found = at(value, ...keys);
  return typeof found === 'string' ? found : undefined;
};

/** A moment as RFC 3339; API clients make Date objects of them. */
export const moment = (value: unknown, ...keys: readonly string[]): string | undefined => {
  const found = keys.length === 0 ? value : at(value, ...keys);
  if (typeof found === 'string') return found;
  return found instanceof Date && Number.isFinite(found.getTime()) ? found.toISOString() : undefined;
};

/** The items of `kubectl get -o json`, of a list that an API client returns, of a plain array, or the one object itself. */
export function items(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const holder = object(value);
  if (Array.isArray(holder['items'])) return holder['items'];
  return at(holder, 'metadata', 'name') === undefined ? [] : [holder];
}
