import {type Family, familyOf, type Ip, numberOf, type Prefix, widthOf} from '../net/address.js';
import {partsOf} from './prefix.js';

/**
 * Longest-prefix index: one map per prefix length, longest first. Measured against tries and range indexes it is the simplest and,
 * with the few lengths a cluster uses, the fastest.
 */
export class PrefixIndex<Value> {
  readonly #lengths: {readonly [F in Family]: Map<number, Map<bigint, Value[]>>} = {4: new Map(), 6: new Map()};
  #sorted: {[F in Family]?: readonly number[]} = {};

  add(prefix: Prefix, value: Value): void {
    const {family, bits, first} = partsOf(prefix);
    const lengths = this.#lengths[family];
    let level = lengths.get(bits);
    if (!level) {
      level = new Map();
      lengths.set(bits, level);
      this.#sorted = {};
    }
    const held = level.get(first);
    if (held) held.push(value);
    else level.set(first, [value]);
  }

  /** What covers `address`, group by group from the longest prefix to the shortest; values of one prefix keep the order they were added in. */
  *covering(address: Ip): Generator<readonly Value[]> {
    const family = familyOf(address);
    const width = widthOf(family);
    const number = numberOf(address);
    this.#sorted[family] ??= [...this.#lengths[family].keys()].sort((a, b) => b - a);
    for (const bits of this.#sorted[family]) {
      const shift = BigInt(width - bits);
      const found = this.#lengths[family].get(bits)!.get((number >> shift) << shift);
      if (found) yield found;
    }
  }
}
