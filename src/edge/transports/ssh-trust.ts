import {execFile} from 'node:child_process';
import {createHash} from 'node:crypto';
import {access, mkdir, open, readFile} from 'node:fs/promises';
import {dirname} from 'node:path';
import {promisify} from 'node:util';
import {failure, printable} from './ssh-failure.js';
import type {SshHost} from './ssh-host.js';
import type {TransportError} from './transport.js';

const run = promisify(execFile);

/** A line of a known_hosts file that speaks of the host. */
export interface KnownKey {
  readonly file: string;
  readonly line: number;
  readonly marker?: '@revoked' | '@cert-authority';
  readonly type: string;
  readonly base64: string;
  /** It is on file for the bare name, the host is asked on another port: it can confirm or revoke a key there, but not contradict it. */
  readonly bareName?: true;
}

export interface HostKey {
  /** As in the blob: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`. */
  readonly type: string;
  readonly base64: string;
  /** As OpenSSH prints it: `SHA256:…`. */
  readonly fingerprint: string;
}

export type Trust =
  | {readonly verdict: 'known'}
  | {readonly verdict: 'unknown'; readonly authority?: KnownKey}
  | {readonly verdict: 'changed'; readonly was: KnownKey}
  | {readonly verdict: 'revoked'; readonly where: string};

/** The key types ssh2 can verify, best first. `ssh-rsa` as a signature (SHA-1) is not among them; an RSA key signs with rsa-sha2. */
const TYPES = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa'] as const;

/** Their names as signature algorithms. */
export type HostKeyAlgorithm = Exclude<(typeof TYPES)[number], 'ssh-rsa'> | 'rsa-sha2-512' | 'rsa-sha2-256';

/** Reads the type out of a public key blob (RFC 4253 §6.6: a string length, then the type). */
export function hostKey(blob: Buffer): HostKey {
  const type = blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
  return {type, base64: blob.toString('base64'), fingerprint: fingerprint(blob)};
}

export const fingerprint = (blob: Buffer): string => `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

/**
 * Looks a host up in all its known_hosts files, the way OpenSSH does: `ssh-keygen -F` knows hashed names, patterns, negation and ports.
 * @throws Error when a file that exists cannot be read: to go on would be to trust less than the user wrote down.
 */
export async function onFile(host: SshHost, signal: AbortSignal): Promise<readonly KnownKey[]> {
  const places = [...host.userKnownHosts, ...host.globalKnownHosts];
  const lookUp = async (name: string): Promise<readonly KnownKey[]> =>
    (await Promise.all(places.map((file) => search(file, name, signal)))).flat();
  const found = await lookUp(host.trustName);
  if (found.length > 0 || !host.trustName.startsWith('[')) return found;
  // OpenSSH's rule (check_host_key, "checking without port identifier"): the key on file for the bare name is good for the other port too.
  return (await lookUp(host.hostname)).map((key) => ({...key, bareName: true}));
}

async function search(file: string, name: string, signal: AbortSignal): Promise<readonly KnownKey[]> {
  const missing = await access(file).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT' || error.code === 'ENOTDIR',
  );
  if (missing) return [];
  let stdout: string;
  try {
    ({stdout} = await run('ssh-keygen', ['-F', name, '-f', file], {signal}));
  } catch (error) {
    // 1: nothing found; anything else (255: unreadable) is not an answer.
    if ((error as {code?: unknown}).code === 1) return [];
    throw error;
  }
  const keys: KnownKey[] = [];
  let line = 0;
  for (const text of stdout.split('\n')) {
    const header = /^# Host .* found: line (\d+)/.exec(text);
    if (header) line = Number(header[1]);
    if (header || text.trim() === '') continue;
    const words = text.trim().split(/\s+/);
    const marker = words[0] === '@revoked' || words[0] === '@cert-authority' ? words.shift() : undefined;
    const [, type = '', base64 = ''] = words;
    keys.push({file, line, type, base64, ...(marker && {marker: marker as '@revoked' | '@cert-authority'})});
  }
  return keys;
}

/** What the files say of the key a host has shown. */
export async function judge(host: SshHost, known: readonly KnownKey[], key: HostKey): Promise<Trust> {
  const revoked = known.find((k) => k.marker === '@revoked' && k.base64 === key.base64);
  if (revoked) return {verdict: 'revoked', where: `${revoked.file}:${revoked.line}`};
  if (host.revokedHostKeys && (await isRevoked(host.revokedHostKeys, key))) return {verdict: 'revoked', where: host.revokedHostKeys};
  const plain = known.filter((k) => k.marker === undefined);
  if (plain.some((k) => k.base64 === key.base64)) return {verdict: 'known'};
  // Another type than the one on file is a change too: the types on file were asked for first, so the host no longer has (or hides) that key.
  const own = plain.filter((k) => !k.bareName);
  const was = own.find((k) => k.type === key.type) ?? own.find((k) => TYPES.some((type) => type === k.type));
  if (was) return {verdict: 'changed', was};
  const authority = known.find((k) => k.marker === '@cert-authority');
  return {verdict: 'unknown', ...(authority && {authority})};
}

/** RevokedHostKeys is a list of public keys or a KRL; of a KRL only OpenSSH knows the form. Unreadable means revoked, as it does for ssh. */
async function isRevoked(file: string, key: HostKey): Promise<boolean> {
  const text = await readFile(file).catch(() => undefined);
  if (text === undefined) return true;
  if (!text.subarray(0, 6).equals(Buffer.from('SSHKRL'))) return text.includes(key.base64);
  // ssh-keygen opens the key by name, and the stdin that Node gives is a socket, which cannot be opened: cat makes a pipe of it.
  const test = run('sh', ['-c', 'cat | ssh-keygen -Q -f "$1" /dev/stdin', 'sh', file]);
  test.child.stdin?.end(`${key.type} ${key.base64}\n`);
  return test.then(
    () => false,
    () => true,
  );
}

/** The host key algorithms to ask for: the types on file first, or a host known by its ecdsa key would look changed. */
export function algorithms(known: readonly KnownKey[]): readonly HostKeyAlgorithm[] {
  const onFile = TYPES.filter((type) => known.some((k) => k.marker === undefined && k.type === type));
  return [...new Set([...onFile, ...TYPES])].flatMap((type) => (type === 'ssh-rsa' ? (['rsa-sha2-512', 'rsa-sha2-256'] as const) : [type]));
}

/** Why a key that is not known is refused, in words that say what to do. */
export function refusal(host: SshHost, key: HostKey, trust: Exclude<Trust, {verdict: 'known'}>): TransportError {
  const name = printable(host.trustName);
  const shown = `${printable(key.type)} ${key.fingerprint}`;
  switch (trust.verdict) {
    case 'revoked':
      return failure(
        'host-key-revoked',
        `${name} shows a host key that is revoked in ${printable(trust.where)}: ${shown}`,
        'Do not connect; ask who revoked it.',
      );
    case 'changed': {
      const {file, line, type, base64} = trust.was;
      const before = `${printable(type)} ${fingerprint(Buffer.from(base64, 'base64'))}`;
      return failure(
        'host-key-changed',
        `the host key of ${name} is not the one on file: it shows ${shown}, but ${printable(file)}:${line} has ${before}. Somebody may be in between (an attack), or the host was reinstalled. Nothing was sent to it`,
        `Ask for the host’s fingerprint by another way. If it was reinstalled: ssh-keygen -R '${name}' -f '${printable(file)}', then connect once with ssh.`,
      );
    }
    case 'unknown': {
      const ca = trust.authority;
      const note = ca
        ? ` (${printable(ca.file)}:${ca.line} trusts a certificate authority for it, but host certificates are not supported here)`
        : '';
      return failure(
        'host-key-unknown',
        `the host key of ${name} is not known: ${shown}${note}`,
        `Compare the fingerprint and run \`ssh ${printable(host.name)}\` once, or use --ssh-host-keys accept-new to add hosts that are met for the first time.`,
      );
    }
    default:
      return trust satisfies never;
  }
}

/** One writer a file at a time within this process; between processes O_APPEND and a single write keep lines whole. */
const writers = new Map<string, Promise<unknown>>();

/**
 * Adds a host that is met for the first time to the first of the user's known_hosts files.
 * @returns the file, or undefined when another connection of ours has added the key meanwhile.
 * @throws Error when it cannot be written, or when the name would mean something else there (a pattern, a marker).
 */
export async function remember(host: SshHost, key: HostKey, signal: AbortSignal): Promise<string | undefined> {
  const [file] = host.userKnownHosts;
  if (file === undefined) throw new Error('UserKnownHostsFile is none: there is nowhere to write it');
  if (!/^[\p{L}\p{N}_.:%[\]-]+$/u.test(host.trustName)) throw new Error(`${printable(host.trustName)} cannot be written to known_hosts`);
  const add = async (): Promise<string | undefined> => {
    const trust = await judge(host, await onFile(host, signal), key);
    if (trust.verdict === 'known') return undefined;
    if (trust.verdict !== 'unknown') throw refusal(host, key, trust);
    await mkdir(dirname(file), {recursive: true, mode: 0o700});
    const handle = await open(file, 'a+', 0o600);
    try {
      const {size} = await handle.stat();
      const last = size > 0 ? (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer.toString() : '\n';
      await handle.write(`${last === '\n' ? '' : '\n'}${host.trustName} ${key.type} ${key.base64}\n`);
    } finally {
      await handle.close();
    }
    return file;
  };
  const turn = (writers.get(file) ?? Promise.resolve()).then(add, add);
  writers.set(
    file,
    turn.catch(() => undefined),
  );
  return turn;
}
