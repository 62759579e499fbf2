import {type Family, familyOf, type Ip, number4Of, numberOf, type Prefix} from './address.js';
import {baseOf, lengthOf} from './prefix.js';

/** The first bits of an address, as a number that no two prefixes of one length share; 32 bits need no big integer. */
type Key = number | bigint;

/**
 * Longest-prefix index: one map per prefix length, longest first. Measured against tries and range indexes it is the simplest and,
 * with the few lengths a cluster uses, the fastest.
 */
export class PrefixIndex<Value> {
  readonly #lengths: {readonly [F in Family]: Map<number, Map<Key, Value[]>>} = {4: new Map(), 6: new Map()};
  #sorted: {[F in Family]?: readonly number[]} = {};

  add(prefix: Prefix, value: Value): void {
    const family = familyOf(prefix);
    const bits = lengthOf(prefix);
    const lengths = this.#lengths[family];
    let level = lengths.get(bits);
    if (!level) {
      level = new Map();
      lengths.set(bits, level);
      this.#sorted = {};
    }
    const key = family === 4 ? key4(number4Of(baseOf(prefix)), bits) : key6(numberOf(baseOf(prefix)), bits);
    const held = level.get(key);
    if (held) held.push(value);
    else level.set(key, [value]);
  }

  /** What covers `address`, group by group from the longest prefix to the shortest; values of one prefix keep the order they were added in. */
  *covering(address: Ip): Generator<readonly Value[]> {
    const family = familyOf(address);
    const small = family === 4 ? number4Of(address) : 0;
    const large = family === 6 ? numberOf(address) : 0n;
    this.#sorted[family] ??= [...this.#lengths[family].keys()].sort((a, b) => b - a);
    for (const bits of this.#sorted[family]) {
      const found = this.#lengths[family].get(bits)!.get(family === 4 ? key4(small, bits) : key6(large, bits));
      if (found) yield found;
    }
  }
}

/** A shift by 32 is a shift by 0. */
const key4 = (number: number, bits: number): Key => (bits === 0 ? 0 : number >>> (32 - bits));
const key6 = (number: bigint, bits: number): Key => number >> BigInt(128 - bits);
