import {spawn} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import type {RequestOptions} from 'node:https';
import type {KubeConfig, User} from '@kubernetes/client-node';
import {Failure} from '../../failure.js';
import {oneLine} from '../ui/escape.js';

/** `users[].user.exec` of a kubeconfig: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
export interface ExecPlugin {
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: readonly {readonly name: string; readonly value: string}[] | null;
  readonly apiVersion?: string;
  readonly interactiveMode?: 'Never' | 'IfAvailable' | 'Always';
  readonly provideClusterInfo?: boolean;
  readonly installHint?: string;
}

/** client-node exports no name for it. */
type Authenticator = Parameters<KubeConfig['addAuthenticator']>[0];

/** client-node's user, and what ours knows besides. */
export interface LoginUser extends User {
  readonly bearer?: string;
  readonly tokenFile?: string;
  readonly plugin?: ExecPlugin;
}

interface Credential {
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Milliseconds since 1970; absent when it lasts as long as we do. */
  readonly until?: number;
}

/** What a plugin may take: some ask a browser. */
const PLUGIN_MS = 60_000;
/** As client-go: a token file is read again after a minute. */
const TOKEN_FILE_MS = 60_000;

/**
 * Says who we are, as kubectl does: token, token file, credential plugin. (client-node's own plugin code tells the plugin nothing of the
 * cluster, runs it anew for every call when it gives no expiry, waits for it for ever, and finds no plugin beside the kubeconfig.)
 */
export class Login implements Authenticator {
  readonly #server: string;
  readonly #cluster: {readonly [key: string]: unknown};
  #credential: Promise<Credential> | undefined;
  #until: number | undefined;

  constructor(server: string, cluster: {readonly [key: string]: unknown}) {
    this.#server = server;
    this.#cluster = cluster;
  }

  isAuthProvider({bearer, tokenFile, plugin}: LoginUser): boolean {
    return bearer !== undefined || tokenFile !== undefined || plugin !== undefined;
  }

  /** The server does not know us any more: the next call asks the plugin, or the file, again. Returns whether that can help. */
  forget(): boolean {
    const had = this.#credential !== undefined;
    this.#credential = undefined;
    this.#until = undefined;
    return had;
  }

  /** @throws Failure when the plugin gives nothing, or the file cannot be read. */
  async applyAuthentication(user: LoginUser, options: RequestOptions | object): Promise<void> {
    const {token, cert, key} = await this.#of(user);
    const to = options as RequestOptions;
    if (token !== undefined) to.headers = {...(to.headers as {[name: string]: string}), Authorization: `Bearer ${token}`};
    if (cert !== undefined) to.cert = cert;
    if (key !== undefined) to.key = key;
  }

  async #of(user: LoginUser): Promise<Credential> {
    // As kubectl: a token file wins over a token, and both over a plugin.
    if (user.tokenFile === undefined && user.bearer !== undefined) return {token: user.bearer};
    // Nothing is waited for between looking and asking, so that calls side by side ask once.
    if (this.#until !== undefined && this.#until <= Date.now()) this.forget();
    if (this.#credential === undefined) {
      const asking = user.tokenFile === undefined ? this.#ask(user.plugin!) : fromFile(user.tokenFile);
      this.#credential = asking;
      asking.then(
        ({until}) => {
          if (this.#credential === asking) this.#until = until;
        },
        () => this.forget(),
      );
    }
    return this.#credential;
  }

  async #ask(plugin: ExecPlugin): Promise<Credential> {
    const {command, args = [], env, apiVersion, interactiveMode = 'IfAvailable', provideClusterInfo} = plugin;
    if (command === undefined) throw new Failure('the kubeconfig asks for a credential plugin and names no command');
    const what = `the credential plugin ${oneLine(command)}`;
    const interactive = interactiveMode !== 'Never' && process.stdin.isTTY === true && process.stderr.isTTY === true;
    if (interactiveMode === 'Always' && !interactive) throw new Failure(`${what} needs a terminal to ask you, and there is none`);
    const info = {
      apiVersion,
      kind: 'ExecCredential',
      spec: {interactive, ...(provideClusterInfo === true && {cluster: {...this.#cluster, server: this.#server}})},
    };
    const more = Object.fromEntries((env ?? []).map(({name, value}) => [name, value]));
    const said = await new Promise<{out: string; err: string; code: number | null}>((resolve, reject) => {
      const child = spawn(command, args, {
        env: {...process.env, ...more, KUBERNETES_EXEC_INFO: JSON.stringify(info)},
        stdio: [interactive ? 'inherit' : 'ignore', 'pipe', interactive ? 'inherit' : 'pipe'],
        ...(!interactive && {timeout: PLUGIN_MS}),
      });
      let [out, err] = ['', ''];
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
      child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
      child.on('error', (error: NodeJS.ErrnoException) =>
        reject(
          new Failure(`${what} cannot be started: ${error.code === 'ENOENT' ? 'it is not installed' : error.message}`, {
            hints: plugin.installHint === undefined ? [] : [oneLine(plugin.installHint.trim())],
          }),
        ),
      );
      child.on('close', (code) => resolve({out, err, code}));
    });
    if (said.code !== 0) {
      const why = said.code === null ? `was stopped after ${PLUGIN_MS / 1000} s` : `ended with ${said.code}`;
      throw new Failure(`${what} ${why}${said.err.trim() === '' ? '' : `: ${oneLine(said.err.trim()).slice(0, 300)}`}`);
    }
    return credentialOf(said.out, what);
  }
}

function credentialOf(text: string, what: string): Credential {
  let value: {status?: {[key: string]: unknown} | null} | null;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Failure(`${what} printed no ExecCredential: ${oneLine(text.trim()).slice(0, 100) || 'nothing'}`);
  }
  const status = value?.status ?? {};
  const string = (key: string): string | undefined => (typeof status[key] === 'string' && status[key] !== '' ? status[key] : undefined);
  const [token, cert, key, expiry] = [
    string('token'),
    string('clientCertificateData'),
    string('clientKeyData'),
    string('expirationTimestamp'),
  ];
  if (token === undefined && cert === undefined) throw new Failure(`${what} gave neither a token nor a certificate`);
  const until = expiry === undefined ? Number.NaN : Date.parse(expiry);
  return {
    ...(token !== undefined && {token}),
    ...(cert !== undefined && {cert}),
    ...(key !== undefined && {key}),
    ...(!Number.isNaN(until) && {until}),
  };
}

async function fromFile(file: string): Promise<Credential> {
  const token = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Failure(`cannot read the token file ${file}: ${error instanceof Error ? error.message : String(error)}`);
  });
  return {token: token.trim(), until: Date.now() + TOKEN_FILE_MS};
}
