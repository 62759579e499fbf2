import {execFile} from 'node:child_process';
import {homedir, hostname as localHostname, userInfo} from 'node:os';
import {promisify} from 'node:util';
import {aborted, failure, printable} from './ssh-failure.js';

const run = promisify(execFile);

/** What is asked for: a name as `ssh` would take it, and what the inventory says over ssh_config. */
export interface SshTarget {
  readonly name: string;
  readonly user?: string;
  readonly port?: number;
  /** The jumps that remain before this host when it is itself a hop of a chain (`-J`). */
  readonly jump?: string;
}

/** What OpenSSH itself would do for a host: `ssh -G` resolves Include, Match, tokens and defaults for us. */
export interface SshHost {
  readonly name: string;
  readonly hostname: string;
  readonly user: string;
  readonly port: number;
  /** 4 or 6 when AddressFamily says so. */
  readonly family?: 4 | 6;
  readonly bindAddress?: string;
  /** Milliseconds; ConnectTimeout. */
  readonly connectTimeout?: number;
  /** Milliseconds; ServerAliveInterval. */
  readonly keepalive?: number;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** The agent's socket: IdentityAgent, else SSH_AUTH_SOCK. */
  readonly agent?: string;
  readonly publicKeys: boolean;
  readonly passwords: boolean;
  /** The name under which known_hosts has the host: HostKeyAlias, `host` or `[host]:port`. */
  readonly trustName: string;
  readonly userKnownHosts: readonly string[];
  readonly globalKnownHosts: readonly string[];
  readonly revokedHostKeys?: string;
  /** ProxyJump, as `user@a:22,b`. */
  readonly jump?: string;
  /** ProxyCommand with its tokens filled in. */
  readonly proxyCommand?: string;
  /** What ssh_config allows, for our own preferences to be filtered by. */
  readonly allowed: {
    readonly kex: readonly string[];
    readonly cipher: readonly string[];
    readonly hmac: readonly string[];
    readonly hostKey: readonly string[];
  };
}

/** @throws TransportError when OpenSSH's client is not installed or does not accept the name or the configuration. */
export async function resolve(target: SshTarget, configFile: string | undefined, signal: AbortSignal): Promise<SshHost> {
  const settings = parse(await sshG(target, configFile, signal));
  const all = (key: string): readonly string[] => settings.get(key) ?? [];
  const one = (key: string): string | undefined => {
    const value = all(key)[0];
    return value === undefined || value === 'none' ? undefined : value;
  };
  const list = (key: string): readonly string[] => (one(key) ?? '').split(',');
  const positive = (key: string): number | undefined => (Number(one(key)) > 0 ? Number(one(key)) * 1000 : undefined);
  const hostname = one('hostname') ?? target.name;
  const user = one('user') ?? '';
  const port = Number(one('port') ?? 22);
  const tokens = {
    h: hostname,
    n: target.name,
    p: String(port),
    r: user,
    k: one('hostkeyalias') ?? target.name,
    j: one('proxyjump') ?? '',
    ...here(),
  };
  const path = (text: string): string => expand(text, tokens);
  const agent = agentSocket(one('identityagent') ?? (all('identityagent').length > 0 ? 'none' : 'SSH_AUTH_SOCK'), path);
  const family = {inet: 4, inet6: 6}[one('addressfamily') ?? ''] as 4 | 6 | undefined;
  const [bindAddress, revoked, jump, command] = [one('bindaddress'), one('revokedhostkeys'), one('proxyjump'), one('proxycommand')];
  const [connectTimeout, keepalive] = [positive('connecttimeout'), positive('serveraliveinterval')];
  if (command && one('proxyusefdpass') === 'yes') {
    throw failure(
      'connect',
      `${printable(target.name)}: ProxyUseFdpass is not supported`,
      'Use a ProxyCommand that carries the data itself, or ProxyJump.',
    );
  }
  return {
    name: target.name,
    hostname,
    user,
    port,
    ...(family && {family}),
    ...(bindAddress && {bindAddress}),
    ...(connectTimeout && {connectTimeout}),
    ...(keepalive && {keepalive}),
    identityFiles: all('identityfile')
      .filter((f) => f !== 'none')
      .map(path),
    identitiesOnly: one('identitiesonly') === 'yes',
    ...(agent && {agent}),
    // OpenSSH prints `true` or `yes` by version, and `unbound`/`host-bound` where it is on with a condition.
    publicKeys: !['no', 'false'].includes(one('pubkeyauthentication') ?? 'yes'),
    passwords: one('passwordauthentication') !== 'no' || one('kbdinteractiveauthentication') !== 'no',
    trustName: one('hostkeyalias') ?? (port === 22 ? hostname : `[${hostname}]:${port}`),
    userKnownHosts: files(one('userknownhostsfile')).map(path),
    globalKnownHosts: files(one('globalknownhostsfile')).map(path),
    ...(revoked && {revokedHostKeys: path(revoked)}),
    ...(jump && {jump}),
    ...(command && {proxyCommand: expand(command, tokens, false)}),
    allowed: {kex: list('kexalgorithms'), cipher: list('ciphers'), hmac: list('macs'), hostKey: list('hostkeyalgorithms')},
  };
}

async function sshG({name, user, port, jump}: SshTarget, configFile: string | undefined, signal: AbortSignal): Promise<string> {
  // -T: without it `ssh -G` remarks on stderr that stdin is no terminal.
  const args = ['-G', '-T'];
  if (configFile !== undefined) args.push('-F', configFile);
  if (user !== undefined) args.push('-l', user);
  if (port !== undefined) args.push('-p', String(port));
  if (jump !== undefined) args.push('-J', jump);
  try {
    return (await run('ssh', [...args, '--', name], {signal})).stdout;
  } catch (error) {
    if (signal.aborted) throw aborted(signal, `reading ssh_config for ${printable(name)}`);
    const {code, stderr} = error as {code?: string | number; stderr?: string};
    if (code === 'ENOENT') {
      throw failure(
        'connect',
        'the ssh program was not found: ssh_config and known_hosts are read through OpenSSH',
        'Install openssh-client.',
        error,
      );
    }
    throw failure(
      'connect',
      `ssh -G ${printable(name)}: ${printable(stderr ?? String(error))}`,
      'Correct the name or the ssh_config.',
      error,
    );
  }
}

function parse(stdout: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const space = line.indexOf(' ');
    if (space < 0) continue;
    const key = line.slice(0, space).toLowerCase();
    settings.set(key, [...(settings.get(key) ?? []), line.slice(space + 1)]);
  }
  return settings;
}

/** `ssh -G` has removed the quotes, so a word that does not begin like a path belongs to the one before it. */
function files(value: string | undefined): readonly string[] {
  return value === undefined ? [] : value.split(/ (?=[/~%$])/);
}

function agentSocket(value: string, path: (text: string) => string): string | undefined {
  if (value === 'none') return undefined;
  if (value === 'SSH_AUTH_SOCK') return process.env['SSH_AUTH_SOCK'] || undefined;
  return value.startsWith('$') && !value.startsWith('${') ? process.env[value.slice(1)] || undefined : path(value);
}

interface Here {
  readonly d: string;
  readonly u: string;
  readonly i: string;
  readonly l: string;
  readonly L: string;
}

/** OpenSSH takes the home from the user database, not from $HOME. */
function here(): Here {
  const l = localHostname();
  try {
    const {homedir: d, username: u, uid} = userInfo();
    return {d, u, i: String(uid), l, L: l.split('.')[0] ?? l};
  } catch {
    return {d: homedir(), u: '', i: '', l, L: l.split('.')[0] ?? l};
  }
}

/** The TOKENS of ssh_config(5) that `ssh -G` prints unexpanded (IdentityFile, ProxyCommand); `${VAR}` and `~/` only in paths. */
function expand(text: string, tokens: Here & {readonly [token: string]: string}, isPath = true): string {
  const out = text.replace(/%(.)/g, (whole, token: string) => (token === '%' ? '%' : (tokens[token] ?? whole)));
  return isPath ? out.replace(/\$\{(\w+)\}/g, (_, name: string) => process.env[name] ?? '').replace(/^~(?=\/|$)/, tokens.d) : out;
}
