import type {Mac} from '../net/address.js';
import {hexOf, type Pseudo} from './pseudo.js';

/** Hardware addresses that say nothing of anybody: no address, all of them, the one that Calico gives to each of its veths. */
const wellKnown = new Set(['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', 'ee:ee:ee:ee:ee:ee']);

/** Hardware addresses, of 6 bytes or more. The two bits that mean something (group, made by hand) stay. */
export class MacMap {
  readonly #pseudo: Pseudo;

  constructor(pseudo: Pseudo) {
    this.#pseudo = pseudo;
  }

  of(mac: Mac): Mac {
    const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
    if (wellKnown.has(mac) || new Set(bytes).size === 1) return mac;
    if (mac.startsWith('33:33:ff:')) return `33:33:ff:${octets(this.tail(BigInt(`0x${mac.slice(9).replaceAll(':', '')}`)), 3)}`;
    // Other groups are the protocols' own.
    if ((bytes[0]! & 1) === 1) return mac;
    const replaced = this.#pseudo(`mac ${mac}`);
    return bytes
      .map((byte, i) => ((i === 0 ? (replaced[0]! & 0xfc) | (byte & 3) : replaced[i % 32]!) & 255).toString(16).padStart(2, '0'))
      .join(':');
  }

  /** The last 24 bits of an address, as a solicited-node group has them; a small number is somebody's `::1` and stays. */
  tail(bits: bigint): bigint {
    return bits < 0x100n ? bits : BigInt(`0x${hexOf(this.#pseudo(`tail ${bits}`).subarray(0, 3))}`);
  }

  /** The lower half of a link-local address: of one that was made of a hardware address, what the replaced one would make. */
  interfaceId(id: bigint): bigint {
    const hex = id.toString(16).padStart(16, '0');
    if (hex.slice(6, 10) !== 'fffe') return id;
    const bytes = `${hex.slice(0, 6)}${hex.slice(10)}`.match(/../g)!;
    const universal = (byte: string): string => (Number.parseInt(byte, 16) ^ 2).toString(16).padStart(2, '0');
    const mac = this.of([universal(bytes[0]!), ...bytes.slice(1)].join(':'));
    const [a, b, c, d, e, f] = mac.split(':') as [string, string, string, string, string, string];
    return BigInt(`0x${universal(a)}${b}${c}fffe${d}${e}${f}`);
  }
}

const octets = (value: bigint, count: number): string =>
  value
    .toString(16)
    .padStart(count * 2, '0')
    .match(/../g)!
    .join(':');
