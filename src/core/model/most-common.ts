/** The value most of them have; of equals, the first. */
export function mostCommon<T>(values: readonly T[], key: (value: T) => string): T | undefined {
  const counts = new Map<string, {value: T; n: number}>();
  for (const value of values) {
    const k = key(value);
    const held = counts.get(k);
    if (held) held.n += 1;
    else counts.set(k, {value, n: 1});
  }
  return [...counts.values()].toSorted((a, b) => b.n - a.n)[0]?.value;
}
