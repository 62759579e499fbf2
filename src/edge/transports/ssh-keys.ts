import {execFile} from 'node:child_process';
import {readFile, stat} from 'node:fs/promises';
import {promisify} from 'node:util';
import type {AnyAuthMethod, BaseAgent, ParsedKey} from 'ssh2';
import {printable} from './ssh-failure.js';
import type {SshHost} from './ssh-host.js';
import {fingerprint} from './ssh-trust.js';

type Ssh2 = typeof import('ssh2');

/** One thing to log in with, and how a message names it (never what is secret in it). */
export interface Offer {
  readonly label: string;
  /** The name of the method on the wire, as the host lists what it would still take. */
  readonly wire: 'publickey' | 'password' | 'keyboard-interactive';
  readonly method: AnyAuthMethod;
}

export interface Credentials {
  readonly offers: readonly Offer[];
  /** What was there but could not be used, with the reason. */
  readonly skipped: readonly string[];
}

/**
 * Everything that may be offered to a host, in order: the identity files (through the agent where it holds the key), the agent's other keys
 * unless IdentitiesOnly, then the password. A passphrase and a password come from the environment only, so neither is seen in `ps`.
 */
export async function credentials(ssh2: Ssh2, host: SshHost): Promise<Credentials> {
  const offers: Offer[] = [];
  const skipped: string[] = [];
  const username = host.user;
  if (host.publicKeys) {
    const agent = host.agent ? await agentKeys(ssh2, host.agent, skipped) : undefined;
    const rest = new Map(agent?.keys.map((key) => [fingerprint(key.getPublicSSH()), key]));
    const fromAgent = (print: string, key: ParsedKey, name: string): Offer => {
      rest.delete(print);
      return {
        label: `${name} (agent, ${key.type} ${print})`,
        wire: 'publickey',
        method: {type: 'agent', username, agent: only(ssh2, agent!.agent, key)},
      };
    };
    for (const file of new Set(host.identityFiles)) {
      const identity = await identityFile(ssh2, file);
      if (identity === undefined) continue;
      const held = identity.print === undefined ? undefined : rest.get(identity.print);
      if (held) offers.push(fromAgent(identity.print!, held, printable(file)));
      else if (identity.key) {
        const {key} = identity;
        offers.push({
          label: `${printable(file)} (${key.type} ${identity.print})`,
          wire: 'publickey',
          method: {type: 'publickey', username, key},
        });
      } else skipped.push(`${printable(file)} (${identity.why})`);
    }
    if (!host.identitiesOnly) for (const [print, key] of [...rest]) offers.push(fromAgent(print, key, printable(key.comment || 'key')));
  }
  const password = process.env['FLANCTL_SSH_PASSWORD'];
  if (host.passwords && password) {
    offers.push({label: 'the password of FLANCTL_SSH_PASSWORD', wire: 'password', method: {type: 'password', username, password}});
    // Many hosts take passwords only as an answer to a prompt; a prompt that echoes does not ask for a secret.
    const prompt = (_: string, __: string, ___: string, prompts: readonly {echo?: boolean}[], finish: (answers: string[]) => void): void =>
      finish(prompts.map(({echo}) => (echo ? '' : password)));
    offers.push({
      label: 'the password of FLANCTL_SSH_PASSWORD (keyboard-interactive)',
      wire: 'keyboard-interactive',
      method: {type: 'keyboard-interactive', username, prompt} as AnyAuthMethod,
    });
  }
  return {offers, skipped};
}

interface Identity {
  /** Fingerprint of the public key, where it can be known without the passphrase. */
  readonly print?: string;
  readonly key?: ParsedKey;
  /** Why there is no usable private key. */
  readonly why?: string;
}

/** Decrypting costs a tenth of a second of bcrypt, and a cluster's nodes share one key: each file is read once until it changes. */
const cache = new Map<string, Promise<Identity>>();

async function identityFile(ssh2: Ssh2, file: string): Promise<Identity | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => error);
  // The default names are mostly not there, and OpenSSH passes over a missing file as well.
  if (found instanceof Error) return found.code === 'ENOENT' ? undefined : {why: found.code ?? 'cannot be read'};
  const id = `${file}\0${found.mtimeMs}\0${found.size}\0${process.env['FLANCTL_SSH_PASSPHRASE'] ?? ''}`;
  const identity = cache.get(id) ?? readIdentity(ssh2, file);
  cache.set(id, identity);
  return identity;
}

async function readIdentity(ssh2: Ssh2, file: string): Promise<Identity> {
  let text: Buffer;
  try {
    text = await readFile(file);
  } catch (error) {
    return {why: (error as NodeJS.ErrnoException).code ?? 'cannot be read'};
  }
  const passphrase = process.env['FLANCTL_SSH_PASSPHRASE'];
  const parsed = ssh2.utils.parseKey(text);
  const encrypted = parsed instanceof Error && /encrypted/i.test(parsed.message);
  const key = encrypted && passphrase ? ssh2.utils.parseKey(text, passphrase) : parsed;
  if (!(key instanceof Error) && key.isPrivateKey()) return {key, print: fingerprint(key.getPublicSSH())};
  const print = await publicPrint(ssh2, file, text);
  const known = print === undefined ? {} : {print};
  if (encrypted)
    return {
      ...known,
      why: passphrase ? 'FLANCTL_SSH_PASSPHRASE does not open it' : 'encrypted, and neither in the agent nor FLANCTL_SSH_PASSPHRASE set',
    };
  if (!(key instanceof Error)) return {...known, why: 'only the public key, and it is not in the agent'};
  return {
    ...known,
    why: /^-----BEGIN OPENSSH/.test(text.toString('latin1', 0, 20))
      ? 'a key type that is not supported here, such as FIDO'
      : 'not a private key',
  };
}

/** The public half of a key that cannot be opened: it stands in the file beside it, or in front of the encrypted part. */
async function publicPrint(ssh2: Ssh2, file: string, text: Buffer): Promise<string | undefined> {
  for (const candidate of [text, await readFile(`${file}.pub`).catch(() => undefined)]) {
    const key = candidate && ssh2.utils.parseKey(candidate);
    if (key && !(key instanceof Error)) return fingerprint(key.getPublicSSH());
  }
  const listed = await promisify(execFile)('ssh-keygen', ['-l', '-E', 'sha256', '-f', file]).catch(() => undefined);
  return /SHA256:\S+/.exec(listed?.stdout ?? '')?.[0];
}

async function agentKeys(
  ssh2: Ssh2,
  socket: string,
  skipped: string[],
): Promise<{agent: BaseAgent; keys: readonly ParsedKey[]} | undefined> {
  const agent = ssh2.createAgent(socket) as unknown as BaseAgent<ParsedKey>;
  const keys = await new Promise<readonly ParsedKey[] | Error>((resolve) => {
    const timer = setTimeout(() => resolve(new Error('does not answer')), 5000);
    agent.getIdentities((error, found) => {
      clearTimeout(timer);
      resolve(error ?? (found as readonly ParsedKey[] | undefined) ?? []);
    });
  });
  if (!(keys instanceof Error)) return {agent: agent as unknown as BaseAgent, keys};
  skipped.push(`the agent at ${printable(socket)} (${printable((keys as NodeJS.ErrnoException).code ?? keys.message)})`);
  return undefined;
}

/** An agent that knows one key only, so that keys of files and of the agent can be offered in one order. */
function only(ssh2: Ssh2, agent: BaseAgent, key: ParsedKey): BaseAgent {
  const Base = ssh2.BaseAgent as unknown as new () => BaseAgent;
  return Object.assign(new Base(), {
    getIdentities: (done: (error: undefined, keys: ParsedKey[]) => void) => done(undefined, [key]),
    sign: agent.sign.bind(agent),
  });
}
