import {oneLine} from '../ui/escape.js';
import {TransportError} from './transport.js';

/** The kinds of NodeFailure that this transport can end with. */
export type SshFailureKind = 'timeout' | 'connect' | 'auth' | 'exec' | 'host-key-unknown' | 'host-key-changed' | 'host-key-revoked';

export function failure(kind: SshFailureKind, message: string, hint?: string, cause?: unknown): TransportError {
  return new TransportError({kind, message, ...(hint !== undefined && {hint})}, cause === undefined ? {} : {cause});
}

/** Disconnect texts, file names and a proxy's stderr are other people's words: on one line, and nothing in them may steer a terminal. */
export const printable = (text: string): string => oneLine(text.trim());

/** `host:port`, with the brackets an IPv6 address needs. */
export const endpoint = (host: string, port: number): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

/** Turns an abort into our own words; the reason is the caller's (a timeout, or a person who interrupted). */
export function aborted(signal: AbortSignal, doing: string): TransportError {
  const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return failure('timeout', `${timedOut ? 'timed out' : 'interrupted'} ${doing}`, undefined, signal.reason);
}

/** What is known of a connection that failed before it was usable. */
export interface Attempt {
  /** `user@host:port`, for messages. */
  readonly who: string;
  /** `TCP connection`, `key exchange`, `authentication`: where it was when it failed. */
  readonly phase: string;
  /** What was tried to log in, in order; and what could not be tried, with the reason. */
  readonly offered: readonly string[];
  readonly skipped: readonly string[];
  /** What the proxy command printed on stderr, if there is one. */
  readonly proxySaid?: string;
}

/** Maps what ssh2 throws (`level`, `code`, `message`) onto our kinds. Its error object never holds a secret, but it may hold the host's text. */
export function explain(error: Error & {level?: string; code?: string | number}, attempt: Attempt): TransportError {
  const {who, phase, proxySaid} = attempt;
  const said = proxySaid ? `; the proxy command said: ${printable(proxySaid)}` : '';
  const text = printable(error.message);
  // Disconnect code 2 with this text is sshd's MaxAuthTries; code 14 is SSH_DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE (RFC 4253 §11.1).
  if (error.level === 'client-authentication' || error.code === 14 || /too many authentication failures/i.test(text)) {
    return refusedLogin(attempt, /too many/i.test(text));
  }
  if (/no matching/i.test(text)) {
    return failure(
      'connect',
      `${who}: no algorithm in common with this host (${text.replace(/^Handshake failed: /, '')})`,
      'Hosts that allow only post-quantum key exchange (sntrup761, mlkem768) cannot be reached: allow curve25519-sha256 in KexAlgorithms of the host’s sshd_config, and look for KexAlgorithms, Ciphers, MACs or HostKeyAlgorithms in your ssh_config.',
      error,
    );
  }
  switch (error.code) {
    case 'ECONNREFUSED':
      return failure('connect', `${who}: connection refused${said}`, 'Is sshd running there, on that port?', error);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return failure('connect', `${who}: ${error.code === 'ETIMEDOUT' ? 'no answer' : 'no route to host'}${said}`, undefined, error);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return failure(
        'connect',
        `${who}: the name cannot be resolved${said}`,
        'Write the address as `host:` in the inventory, or as HostName in ssh_config.',
        error,
      );
    case 'ECONNRESET':
    case 'EPIPE':
      return failure('connect', `${who}: the connection was cut during ${phase}${said}`, undefined, error);
  }
  if (error.level === 'client-timeout') return failure('connect', `${who}: no answer during ${phase}${said}`, undefined, error);
  return failure('connect', `${who}: ${text || 'connection closed'} (during ${phase})${said}`, undefined, error);
}

function refusedLogin({who, offered, skipped}: Attempt, tooMany: boolean): TransportError {
  const tried = offered.length > 0 ? `it was offered ${offered.join(', ')}` : 'there was nothing to offer it';
  const not = skipped.length > 0 ? `; not usable: ${skipped.join(', ')}` : '';
  return failure(
    'auth',
    `${who}: login refused: ${tried}${not}`,
    tooMany
      ? 'The host gave up after too many keys: name the right one with IdentityFile and set IdentitiesOnly yes in ssh_config.'
      : 'Add a public key to the authorized_keys of that user, load the key into ssh-agent, or name it with IdentityFile in ssh_config; a passphrase is read from FLANCTL_SSH_PASSPHRASE, a password from FLANCTL_SSH_PASSWORD.',
  );
}
