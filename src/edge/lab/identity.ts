import {createHash, createPrivateKey, createPublicKey} from 'node:crypto';
import type {Mac} from '../../core/net/address.js';

/** Bytes that are the same for the same words, and look like chance. */
export const bytesOf = (...words: readonly string[]): Buffer => createHash('sha256').update(words.join('/')).digest();

/** Locally administered unicast address, the same for the same words. */
export function macOf(...words: readonly string[]): Mac {
  const digest = bytesOf(...words);
  digest[0] = (digest[0]! & 0xfc) | 0x02;
  return [...digest.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** A node's WireGuard key, base64 as wg prints it: clamped, as Curve25519 wants it. */
export function privateKeyOf(lab: string, node: string): string {
  const key = bytesOf(lab, node, 'wireguard');
  key[0]! &= 248;
  key[31] = (key[31]! & 127) | 64;
  return key.toString('base64');
}

/** DER of an X25519 private key before its 32 bytes (RFC 8410). */
const pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

export function publicKeyOf(privateKey: string): string {
  const key = createPrivateKey({key: Buffer.concat([pkcs8, Buffer.from(privateKey, 'base64')]), format: 'der', type: 'pkcs8'});
  return createPublicKey(key).export({format: 'der', type: 'spki'}).subarray(-32).toString('base64');
}
