/** Chance that can be had again: the same seed, the same throws. */
export function dice(seed: number) {
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x9e37_79b9) >>> 0;
  const next = () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    chance: (p: number) => next() < p,
    int: (low: number, high: number) => low + Math.floor(next() * (high - low + 1)),
    pick: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  };
}

export type Dice = ReturnType<typeof dice>;

/** Networks around the addresses of the wire, per family. */
export const networks = {
  4: [
    '10.244.0.0/16',
    '10.244.1.0/24',
    '10.244.2.0/24',
    '10.244.3.3/32',
    '10.9.0.0/16',
    '192.168.50.0/25',
    '10.244.1.64/26',
    '10.255.0.0/16',
  ],
  6: [
    'fd44::/48',
    'fd44:0:0:1::/64',
    'fd44:0:0:2::/64',
    'fd44:0:0:3::3/128',
    'fd09::/16',
    '2001:db8::/32',
    'fd44:0:0:1::40/122',
    'fd55::/16',
  ],
} as const;

/** Ports the packets go to; the rules look around them. */
export const ports = [22, 53, 80, 443, 4789, 8080, 8472, 30_080, 51_820, 65_535];
export const marks = ['0x1', '0x4000', '0x4001', '0x0', '0xff00'];

export function portRange(d: Dice, between: string): string {
  const [x, y] = [d.pick(ports), d.chance(0.5) ? d.pick(ports) : d.int(1, 65_535)];
  if (x === y || d.chance(0.3)) return String(x);
  return `${Math.min(x, y)}${between}${Math.max(x, y)}`;
}
