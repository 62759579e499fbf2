import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa';

/** A directory for one test file: keys, known_hosts, ssh_config. Nothing of the user's own ~/.ssh is read or written. */
export class SshLab {
  readonly dir = mkdtempSync(join(tmpdir(), 'flanctl-ssh-'));
  readonly #stops: (() => void)[] = [];
  #count = 0;

  constructor() {
    // sshd refuses to start without its privilege separation directory, which Debian makes at boot of the service.
    mkdirSync('/run/sshd', {recursive: true, mode: 0o755});
    this.key('id');
  }

  path(...names: string[]): string {
    return join(this.dir, ...names);
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text, {mode: 0o600});
    return this.path(name);
  }

  /** Makes a key pair and returns the private key's path. */
  key(name: string, type: KeyType = 'ed25519', passphrase = ''): string {
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', name, '-f', this.path(name), ...(passphrase ? ['-a', '1'] : [])]);
    return this.path(name);
  }

  /** The two words of a public key that stand in known_hosts. */
  publicKey(name: string): string {
    return readFileSync(`${this.path(name)}.pub`, 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
  }

  onStop(stop: () => void): void {
    this.#stops.unshift(stop);
  }

  /** A file name that was not used before. */
  fresh(name: string): string {
    this.#count += 1;
    return `${name}-${this.#count}`;
  }

  async sshd(options: SshdOptions = {}): Promise<Sshd> {
    const sshd = await startSshd(this, options);
    this.onStop(() => sshd.stop());
    return sshd;
  }

  /**
   * Writes an ssh_config for one host `node` and returns its path.
   * `known` is the text of the known_hosts file (undefined: no file yet).
   */
  config(
    port: number,
    options: {known?: string | undefined; lines?: readonly string[]; more?: string; name?: string} = {},
  ): {config: string; known: string} {
    const known = this.path(this.fresh('known_hosts'));
    if (options.known !== undefined) writeFileSync(known, options.known, {mode: 0o600});
    const lines = [
      ...(options.lines ?? [`IdentityFile ${this.path('id')}`, 'IdentityAgent none']),
      'HostName 127.0.0.1',
      `Port ${port}`,
      'User root',
    ];
    const all = ['Host *', `  UserKnownHostsFile ${known}`, '  GlobalKnownHostsFile none'];
    const text = `Host ${options.name ?? 'node'}\n${lines.map((l) => `  ${l}\n`).join('')}${options.more ?? ''}${all.join('\n')}\n`;
    return {config: this.write(this.fresh('ssh_config'), text), known};
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    rmSync(this.dir, {recursive: true, force: true});
  }
}

export interface SshdOptions {
  readonly hostKeys?: readonly KeyType[];
  readonly lines?: readonly string[];
  /** Start it with these words before sshd, e.g. `nsenter --net=…`. */
  readonly within?: readonly string[];
  readonly port?: number;
}

export interface Sshd {
  readonly port: number;
  readonly pid: number;
  /** Names of the host keys, for `lab.publicKey`. */
  readonly hostKeys: Readonly<Record<KeyType, string>>;
  /** `[127.0.0.1]:port type base64` for the key of that type. */
  known(type?: KeyType): string;
  log(): string;
  /** Pids of the sessions' processes. */
  sessions(): readonly number[];
  stop(): void;
}

async function startSshd(lab: SshLab, {hostKeys = ['ed25519'], lines = [], within = [], port}: SshdOptions): Promise<Sshd> {
  const listen = port ?? (await freePort());
  const names = Object.fromEntries(hostKeys.map((type) => [type, lab.fresh(`host-${type}`)])) as Record<KeyType, string>;
  for (const type of hostKeys) lab.key(names[type], type);
  const authorized = lab.path('authorized_keys');
  appendFileSync(authorized, '', {mode: 0o600});
  const log = lab.path(lab.fresh('sshd.log'));
  const conf = lab.write(
    lab.fresh('sshd_config'),
    [
      `Port ${listen}`,
      'ListenAddress 127.0.0.1',
      ...hostKeys.map((type) => `HostKey ${lab.path(names[type])}`),
      `AuthorizedKeysFile ${authorized}`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      'LogLevel DEBUG1',
      // As the lab does: root's .bashrc on this machine is none of ours, and may take longer than the test.
      'SetEnv SHLVL=1',
      ...lines,
      '',
    ].join('\n'),
  );
  const [program = '', ...args] = [...within, '/usr/sbin/sshd', '-D', '-f', conf, '-E', log];
  const child = spawn(program, args, {stdio: 'ignore'});
  const text = (): string => {
    try {
      return readFileSync(log, 'utf8');
    } catch {
      return '';
    }
  };
  await until(() => /Server listening/.test(text()), `sshd did not start: ${text()}`, child);
  return {
    port: listen,
    pid: child.pid!,
    hostKeys: names,
    known: (type = hostKeys[0]!) => `[127.0.0.1]:${listen} ${lab.publicKey(names[type])}\n`,
    log: text,
    sessions: () => descendants(child.pid!),
    stop: () => {
      for (const pid of [...descendants(child.pid!), child.pid!]) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
      }
    },
  };
}

/** All processes below `pid`, nearest first. */
export function descendants(pid: number): readonly number[] {
  let children: number[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
  return [...children, ...children.flatMap(descendants)];
}

export async function until(condition: () => boolean, complaint: string, child?: ChildProcess): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    if (condition()) return;
    if (child && child.exitCode !== null) break;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(complaint);
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().on('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
