/**
 * What TKE, AWS and Terway call the node's end of a pod's veth: a prefix (`eni`, `cali`) and the first eleven digits of
 * sha1("<namespace>.<pod>") (model/cloud-modes.md §2.1).
 */
export const podVethName = (prefix: string, namespace: string, pod: string): string => prefix + sha1(`${namespace}.${pod}`).slice(0, 11);

const rotate = (word: number, by: number): number => ((word << by) | (word >>> (32 - by))) >>> 0;

/** FIPS 180-4, for the names of devices and nothing else; the core has no node:crypto. */
function sha1(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const blocks = new Uint8Array(((bytes.length + 8) >> 6) * 64 + 64);
  blocks.set(bytes);
  blocks[bytes.length] = 0x80;
  const words = new DataView(blocks.buffer);
  words.setUint32(blocks.length - 4, bytes.length * 8);
  const hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let at = 0; at < blocks.length; at += 64) {
    const w = Array.from({length: 16}, (_, i) => words.getUint32(at + i * 4));
    for (let i = 16; i < 80; i++) w.push(rotate(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1));
    let [a, b, c, d, e] = hash as [number, number, number, number, number];
    for (const [i, word] of w.entries()) {
      const [f, k] =
        i < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : i < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : i < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      [a, b, c, d, e] = [(rotate(a, 5) + f + e + k + word) >>> 0, a, rotate(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((value, i) => {
      hash[i] = (hash[i]! + value) >>> 0;
    });
  }
  return hash.map((word) => word.toString(16).padStart(8, '0')).join('');
}
