import {addressOf, type Family, familyOf, type Ip, numberOf, widthOf} from '../net/address.js';
import {partsOf} from '../net/prefix.js';
import type {KnownPrefixes} from './known-prefixes.js';
import type {MacMap} from './mac.js';
import type {Pseudo} from './pseudo.js';

/** What is the same in every network tells nothing, and much depends on it. */
const wellKnown = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/8', '64:ff9b::/96', 'fe80::/10', 'ff00::/8'],
].map(partsOf);
/** An address in one of these stays in it: whether an address is private is what a rule may go by. */
const kinds = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15', '2000::/3', 'fc00::/7', 'fd00::/8'].map(
  partsOf,
);
const mapped = partsOf('::ffff:0.0.0.0/96');
const solicited = partsOf('ff02::1:ff00:0/104');
const linkLocal = partsOf('fe80::/10');

/**
 * Addresses replaced so that two of them have as many leading bits in common afterwards as before (Xu, Fan, Ammar, Moon: prefix-preserving
 * IP address anonymization): each bit is flipped or not as a keyed function of the bits before it says. A pod's address thus
 * stays in its subnet, and that in the network. Not flipped are the bits that make an address the first or last of a prefix in use.
 */
export class AddressMap {
  readonly #done = new Map<Ip, Ip>();
  readonly #flips = new Map<string, bigint>();

  readonly #pseudo: Pseudo;
  readonly #known: KnownPrefixes;
  readonly #macs: MacMap;

  constructor(pseudo: Pseudo, known: KnownPrefixes, macs: MacMap) {
    this.#pseudo = pseudo;
    this.#known = known;
    this.#macs = macs;
  }

  /** The replacement of a canonical address, of the same family. */
  of(address: Ip): Ip {
    let result = this.#done.get(address);
    if (result === undefined) {
      result = this.#replaced(address);
      this.#done.set(address, result);
    }
    return result;
  }

  #replaced(address: Ip): Ip {
    const family = familyOf(address);
    const number = numberOf(address);
    const within = (parts: {family: Family; first: bigint; last: bigint}): boolean =>
      parts.family === family && parts.first <= number && number <= parts.last;
    if (within(mapped)) return addressOf(mapped.first + numberOf(this.of(addressOf(number - mapped.first, 4))), 6);
    // What the kernel made of a hardware address would give that away.
    if (within(solicited)) return addressOf(solicited.first + this.#macs.tail(number - solicited.first), 6);
    if (within(linkLocal)) return addressOf(((number >> 64n) << 64n) + this.#macs.interfaceId(number & 0xffff_ffff_ffff_ffffn), 6);
    if (wellKnown.some(within)) return address;
    return addressOf(this.#scrambled(number, family), family);
  }

  #scrambled(number: bigint, family: Family): bigint {
    const width = widthOf(family);
    let [result, first, last] = [0n, false, false];
    for (let i = 0; i < width; i++) {
      const top = number >> BigInt(width - i);
      const bit = (number >> BigInt(width - 1 - i)) & 1n;
      if (this.#known.keeps(family, i, top)) {
        const rest = BigInt(width - i);
        return (result << rest) | (number & ((1n << rest) - 1n));
      }
      const begins = this.#known.has(family, i, top);
      first ||= begins;
      last ||= begins;
      const flip = first || last || onTheWay(family, i, top) ? 0n : this.#flip(family, i, top);
      result = (result << 1n) | (bit ^ flip);
      first &&= bit === 0n;
      last &&= bit === 1n;
    }
    return result;
  }

  #flip(family: Family, bits: number, top: bigint): bigint {
    const key = `${family}/${bits}/${top}`;
    let flip = this.#flips.get(key);
    if (flip === undefined) {
      flip = BigInt(this.#pseudo(`address ${key}`)[0]! & 1);
      this.#flips.set(key, flip);
    }
    return flip;
  }
}

/** Do these bits still lead to one of the blocks that stay where they are? Then the next one stays, too, and nothing else can come to lie in such a block. */
const onTheWay = (family: Family, bits: number, top: bigint): boolean =>
  [...wellKnown, ...kinds].some(
    (block) => block.family === family && block.bits > bits && block.first >> BigInt(widthOf(family) - bits) === top,
  );
