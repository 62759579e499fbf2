/** Of many of one sort so many are shown, where there are more than FEW; the machine forms have all. */
const SHOWN = 3;
const FEW = 6;

/** Items in order; where there are many of one sort, the first ones and behind the last of those the number of the others. */
export function few<T>(items: readonly T[], sort: (item: T) => string): readonly (T | number)[] {
  const total = new Map<string, number>();
  for (const item of items) total.set(sort(item), (total.get(sort(item)) ?? 0) + 1);
  const seen = new Map<string, number>();
  return items.flatMap((item): readonly (T | number)[] => {
    const [key, all] = [sort(item), total.get(sort(item))!];
    const nth = (seen.get(key) ?? 0) + 1;
    seen.set(key, nth);
    if (all <= FEW || nth < SHOWN) return [item];
    return nth === SHOWN ? [item, all - SHOWN] : [];
  });
}

export const more = (n: number): string => `… ${n} more like it`;
