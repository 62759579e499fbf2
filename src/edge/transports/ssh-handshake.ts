import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import type {NodeSSH} from 'node-ssh';
import type {AnyAuthMethod, Client, NextAuthHandler} from 'ssh2';
import type {TransportOptions} from './index.js';
import {type Attempt, aborted, endpoint, explain, failure, printable} from './ssh-failure.js';
import type {SshHost} from './ssh-host.js';
import type {Credentials} from './ssh-keys.js';
import {algorithms, type HostKey, hostKey, judge, type KnownKey, refusal, remember} from './ssh-trust.js';
import {TransportError} from './transport.js';

/** An authenticated connection to a host whose key was verified. */
export interface Connection {
  readonly client: Client;
  /** `user@host:port`, and ` via …` where it is not direct. */
  readonly via: string;
  /** Why it is no more, once it has ended. */
  lost(): Error | undefined;
  close(): void;
}

/** The byte stream to a host's sshd. Connecting it may still be under way. */
export interface Line {
  readonly sock: Duplex;
  /** ` via …`, where it is not plain TCP. */
  readonly via?: string;
  said?(): string;
  close(): void;
  /** What was made for this line alone is ended after it: the jump's connection. */
  over?(): void;
}

/** ssh2 knows no post-quantum exchange; of what it knows, curve25519 costs both sides least. SHA-1 exchanges are not offered. */
const KEX = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group-exchange-sha256',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group18-sha512',
  'diffie-hellman-group14-sha256',
] as const;
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'chacha20-poly1305@openssh.com',
] as const;
const MACS = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512', 'hmac-sha1'] as const;

/** Milliseconds for TCP, key exchange and login together, where ConnectTimeout does not say; the caller's signal may be sooner. */
const READY_TIMEOUT = 30_000;
/** Milliseconds; after three without an answer the host counts as lost. */
const KEEPALIVE = 10_000;
/** The host took the TCP connection and closed it before it said anything of SSH: what MaxStartups does, and worth another try. */
export class Dropped extends Error {
  readonly failure: TransportError;
  constructor(reason: TransportError) {
    super(reason.message);
    this.failure = reason;
  }
}

export const unverified = (host: SshHost, error: unknown): TransportError =>
  failure(
    'host-key-unknown',
    `the host key of ${printable(host.trustName)} cannot be verified: ${printable(error instanceof Error ? error.message : String(error))}`,
    'Make the known_hosts files readable by ssh-keygen (a part of openssh-client), and the first of them writable for accept-new.',
    error,
  );

/**
 * Key exchange, verification of the host's key, login: in that order, and nothing is offered before the key is verified (and, when new, on file).
 * @throws TransportError; Dropped when the host hung up before it said a word.
 */
export async function handshake(
  ssh: NodeSSH,
  host: SshHost,
  line: Line,
  known: readonly KnownKey[],
  login: Credentials,
  options: TransportOptions,
  signal: AbortSignal,
): Promise<Connection> {
  const who = `${host.user}@${endpoint(host.hostname, host.port)}`;
  const via = `${who}${line.via ?? ''}`;
  const offered: string[] = [];
  let phase = 'connecting' in line.sock && line.sock.connecting ? 'TCP connection' : 'the SSH identification';
  let lost: Error | undefined;
  let refused: TransportError | undefined;
  let accepted: {readonly key: HostKey; readonly isNew: boolean} | undefined;

  /** Decides on the host's key; at a rekeying it must be the one that was accepted. */
  const verify = async (blob: Buffer): Promise<void> => {
    const key = hostKey(blob);
    if (accepted?.key.base64 === key.base64) return;
    const trust = await judge(host, known, key);
    const isNew =
      trust.verdict === 'unknown' && trust.authority === undefined && options.sshHostKeys === 'accept-new' && accepted === undefined;
    if (trust.verdict !== 'known' && !isNew) throw refusal(host, key, trust);
    accepted = {key, isNew};
  };
  /** Writes a new host's key down: after the handshake, when the host has proven that it owns the key, and before anything is offered to it. */
  const record = async (): Promise<void> => {
    if (!accepted?.isNew) return;
    const {key} = accepted;
    const file = await remember(host, key, signal);
    if (file !== undefined)
      options.notice(`added the host key of ${printable(host.trustName)} to ${printable(file)}: ${key.type} ${key.fingerprint}`);
  };
  const refuse = (error: unknown): void => {
    refused = error instanceof TransportError ? error : unverified(host, error);
  };

  const queue = [...login.offers];
  const offers = (left: readonly string[] | null): AnyAuthMethod | false => {
    for (let offer = queue.shift(); offer; offer = queue.shift()) {
      if (left && !left.includes(offer.wire)) continue;
      offered.push(offer.label);
      return offer.method;
    }
    return false;
  };
  const attempt = (): Attempt => ({who: via, phase, offered, skipped: login.skipped, ...(line.said && {proxySaid: line.said()})});
  if (line.sock.errored) throw explain(line.sock.errored, attempt());
  const connecting = ssh.connect({
    sock: line.sock as Socket,
    username: host.user,
    readyTimeout: host.connectTimeout ?? READY_TIMEOUT,
    keepaliveInterval: host.keepalive ?? KEEPALIVE,
    keepaliveCountMax: 3,
    algorithms: {
      kex: permitted(who, 'KexAlgorithms', KEX, host.allowed.kex),
      cipher: permitted(who, 'Ciphers', CIPHERS, host.allowed.cipher),
      hmac: permitted(who, 'MACs', MACS, host.allowed.hmac),
      serverHostKey: permitted(who, 'HostKeyAlgorithms', algorithms(known), host.allowed.hostKey),
      compress: ['none'],
    },
    hostVerifier: (blob: Buffer, done: (ok: boolean) => void) => {
      verify(blob).then(
        () => done(true),
        (error: unknown) => {
          refuse(error);
          done(false);
        },
      );
    },
    authHandler: (left: readonly string[] | null, _partial: boolean | null, next: NextAuthHandler) => {
      // `false` ends the list; the types do not know it.
      const offer = (): void => next(offers(left) as AnyAuthMethod);
      if (left === null) {
        record().then(offer, (error: unknown) => {
          refuse(error);
          line.sock.destroy();
        });
      } else offer();
    },
  });
  // node-ssh makes its client at once, and nobody may miss that client's events.
  const client = ssh.connection;
  if (client === null) return connecting as Promise<never>;
  client.setMaxListeners(0);
  let stop = (): void => undefined;
  await new Promise<void>((done, fail) => {
    stop = (): void => fail(aborted(signal, `connecting to ${via}, during ${phase}`));
    const settle = (error: Error & {level?: string; code?: string | number}): void => {
      lost ??= error;
      // An agent that cannot sign has failed one offer; ssh2 goes on with the next.
      if (error.level === 'agent') return;
      const reason = refused ?? explain(error, attempt());
      const dropped =
        line.said === undefined && phase === 'the SSH identification' && (error.level === 'protocol' || error.code === 'ECONNRESET');
      fail(signal.aborted ? aborted(signal, `connecting to ${via}, during ${phase}`) : dropped ? new Dropped(reason) : reason);
    };
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, {once: true});
    client.on('connect', () => {
      phase = 'the SSH identification';
    });
    client.on('handshake', () => {
      phase = 'authentication';
    });
    client.on('error', settle);
    client.on('close', () => settle(new Error('the host closed the connection')));
    // A jump's channel stays half open when the far end is gone.
    client.on('end', () => line.sock.destroy());
    // What node-ssh or ssh2 refuses before any event: it would be a bug of ours, but must not hang.
    connecting.catch((error: Error) => settle(error));
    client.on('ready', () => {
      lost = undefined;
      done();
    });
  }).finally(() => signal.removeEventListener('abort', stop));
  return {
    client,
    via,
    lost: () => lost,
    close: () => {
      lost ??= new Error('the connection was closed');
      client.end();
      // A dead peer never answers our end; the timer must not keep the process, but the socket must not either.
      setTimeout(() => {
        line.close();
        line.over?.();
      }, 300).unref();
    },
  };
}

/** Our preference as far as ssh_config allows it. */
function permitted<T extends string>(who: string, keyword: string, ours: readonly T[], allowed: readonly string[]): T[] {
  const both = ours.filter((a) => allowed.includes(a));
  if (both.length === 0) {
    throw failure('connect', `${who}: ${keyword} of ssh_config allows nothing that is supported here`, `Supported: ${ours.join(', ')}.`);
  }
  return both;
}
