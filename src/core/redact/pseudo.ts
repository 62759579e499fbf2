/**
 * A keyed one-way function: the same text gives the same 32 bytes as long as the key is the same, and nobody without the key can tell which
 * text it was. The key is thrown away with the run (edge/snapshots/redact.ts), so two redacted snapshots of one cluster cannot be laid over each other.
 */
export type Pseudo = (text: string) => Uint8Array;

export const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
