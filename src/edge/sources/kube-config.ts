import {constants} from 'node:fs';
import {access, readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {delimiter, dirname, isAbsolute, join} from 'node:path';
import type {KubeConfig} from '@kubernetes/client-node';
import {parse} from 'yaml';
import {Failure} from '../../failure.js';
import {oneLine} from '../ui/escape.js';
import {type ExecPlugin, Login, type LoginUser} from './kube-login.js';
import {proxyOf} from './kube-proxy.js';

export interface KubeFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** A configuration with one context in it, the one that is used, and nothing missing from it. */
export interface FoundConfig {
  readonly config: KubeConfig;
  readonly login: Login;
  /** The context's name; `in-cluster` inside a pod. */
  readonly context: string;
  /** `https://10.0.0.5:6443`. */
  readonly server: string;
  /** The files it was put together from; none inside a pod. */
  readonly files: readonly string[];
}

type Entry = {readonly [key: string]: unknown};

interface Merged {
  readonly clusters: Map<string, Entry>;
  readonly users: Map<string, Entry>;
  readonly contexts: Map<string, Entry>;
  current?: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Where a kubeconfig is looked for: `--kubeconfig`, else $KUBECONFIG, else ~/.kube/config; `must`, when a missing file is an error. */
function places(flags: KubeFlags): {readonly files: readonly string[]; readonly must: boolean} {
  if (flags.kubeconfig !== undefined) return {files: [flags.kubeconfig], must: true};
  const listed = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  if (listed.length > 0) return {files: [...new Set(listed)], must: false};
  return {files: [join(process.env['HOME'] || homedir(), '.kube', 'config')], must: false};
}

const inPod = async (): Promise<boolean> =>
  process.env['KUBERNETES_SERVICE_HOST'] !== undefined && (await readable(`${SERVICE_ACCOUNT}/token`)) === undefined;

/** Where distributions put the kubeconfig of a machine's own cluster; kubectl is told of it by their wrappers, or not at all. */
const OWN = ['/etc/rancher/k3s/k3s.yaml', '/etc/rancher/rke2/rke2.yaml', '/var/snap/microk8s/current/credentials/client.config'];

/** The kubeconfig that a distribution made on this machine and that we may read. */
export async function ownKubeConfig(): Promise<string | undefined> {
  for (const file of [...OWN, '/etc/kubernetes/admin.conf']) if ((await readable(file)) === undefined) return file;
  return undefined;
}

/** Whether kubectl would know a cluster here without being told; nothing is parsed. */
export async function hasKubeConfig(): Promise<boolean> {
  for (const file of places({}).files) if ((await readable(file)) === undefined) return true;
  return inPod();
}

/**
 * Reads the kubeconfig as kubectl does. (client-node's loadFromDefault does not: of a $KUBECONFIG list the last current-context wins, a
 * missing file and a name that two files have are errors, `tokenFile` is not known, and a CA file beats CA data.)
 * The first file to name a cluster, user, context or the current context wins, whole; paths in a file start at its folder.
 * @throws Failure that names the file and the entry.
 */
export async function findKubeConfig(flags: KubeFlags): Promise<FoundConfig> {
  const {files, must} = places(flags);
  const merged: Merged = {clusters: new Map(), users: new Map(), contexts: new Map()};
  const read: string[] = [];
  for (const file of files) {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (missing && !must) continue;
      throw new Failure(
        `cannot read the kubeconfig ${file}: ${missing ? 'no such file' : error instanceof Error ? error.message : String(error)}`,
      );
    }
    merge(merged, text, file);
    read.push(file);
  }
  if (read.length === 0 || (merged.contexts.size === 0 && merged.clusters.size === 0)) {
    if (!must && flags.context === undefined && (await inPod())) return podConfig();
    throw new Failure(read.length === 0 ? `no kubeconfig: there is no ${files.join(' and no ')}` : `${read.join(', ')}: no cluster in it`, {
      hints: ['--kubeconfig FILE or KUBECONFIG names one'],
    });
  }
  return chosen(merged, flags.context, read);
}

function merge(into: Merged, text: string, file: string): void {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new Failure(
      `the kubeconfig ${file} is not YAML: ${oneLine(error instanceof Error ? error.message.split('\n')[0]! : String(error))}`,
    );
  }
  if (value === null || value === undefined) return;
  if (typeof value !== 'object' || Array.isArray(value)) throw new Failure(`the kubeconfig ${file} is not a kubeconfig`);
  const root = value as Entry;
  const kind = root['kind'];
  if (kind !== undefined && kind !== 'Config') throw new Failure(`the kubeconfig ${file} is a ${oneLine(String(kind))}, not a Config`);
  for (const [list, one] of [
    ['clusters', 'cluster'],
    ['users', 'user'],
    ['contexts', 'context'],
  ] as const) {
    for (const [index, item] of (Array.isArray(root[list]) ? root[list] : []).entries()) {
      const name: unknown = item?.name;
      if (typeof name !== 'string') throw new Failure(`the kubeconfig ${file}: ${list}[${index}] has no name`);
      if (!into[list].has(name)) into[list].set(name, resolved((item[one] ?? {}) as Entry, dirname(file)));
    }
  }
  const current = root['current-context'];
  if (into.current === undefined && typeof current === 'string' && current !== '') into.current = current;
}

/** Paths start at the file they stand in; so does a credential plugin's, when it is a path at all. */
function resolved(entry: Entry, folder: string): Entry {
  const at = (path: unknown): unknown => (typeof path === 'string' && path !== '' && !isAbsolute(path) ? join(folder, path) : path);
  const paths = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'].filter((key) => entry[key] !== undefined);
  const exec = entry['exec'] as Entry | undefined;
  const command = exec?.['command'];
  return {
    ...entry,
    ...Object.fromEntries(paths.map((key) => [key, at(entry[key])])),
    ...(typeof command === 'string' && command.includes('/') && {exec: {...exec, command: at(command)}}),
  };
}

async function chosen(merged: Merged, asked: string | undefined, files: readonly string[]): Promise<FoundConfig> {
  const from = files.join(', ');
  const names = [...merged.contexts.keys()];
  const name = asked ?? merged.current;
  const hints = [`contexts: ${names.map(oneLine).join(', ') || 'none'}`];
  if (name === undefined) throw new Failure(`${from}: no current-context, and no --context`, {hints});
  const context = merged.contexts.get(name);
  if (!context) throw new Failure(`${asked === undefined ? `${from}: current-context` : '--context'}: no such context: ${name}`, {hints});
  const clusterName = text(context, 'cluster') ?? '';
  const cluster = merged.clusters.get(clusterName);
  if (!cluster) throw new Failure(`${from}: context ${name} asks for the cluster ${JSON.stringify(clusterName)}, which is not there`);
  const server = text(cluster, 'server')?.replace(/\/+$/, '');
  if (server === undefined || !URL.canParse(server)) {
    throw new Failure(`${from}: cluster ${clusterName}: ${server === undefined ? 'no server' : `server is not a URL: ${oneLine(server)}`}`);
  }
  const userName = text(context, 'user');
  const user = userName === undefined ? {} : merged.users.get(userName);
  if (!user) throw new Failure(`${from}: context ${name} asks for the user ${JSON.stringify(userName)}, who is not there`);
  for (const [entry, whose, key, data] of [
    [cluster, `cluster ${clusterName}`, 'certificate-authority', 'certificate-authority-data'],
    [user, `user ${userName}`, 'client-certificate', 'client-certificate-data'],
    [user, `user ${userName}`, 'client-key', 'client-key-data'],
    [user, `user ${userName}`, 'tokenFile', undefined],
  ] as const) {
    const file = text(entry, key);
    const why = file === undefined || (data !== undefined && text(entry, data) !== undefined) ? undefined : await readable(file);
    if (why !== undefined) throw new Failure(`${from}: ${whose}: cannot read ${key} ${file}: ${why}`);
  }
  for (const key of ['as-groups', 'as-uid', 'as-user-extra']) {
    if (user[key] !== undefined) throw new Failure(`${from}: user ${userName}: flanctl cannot impersonate with ${key}, only with \`as\``);
  }
  return assembled(name, server, cluster, user, files);
}

async function assembled(name: string, server: string, cluster: Entry, user: Entry, files: readonly string[]): Promise<FoundConfig> {
  const {KubeConfig} = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const login = new Login(server, cluster);
  config.addAuthenticator(login);
  const exec = user['exec'] as ExecPlugin | undefined;
  const known: LoginUser = {
    name: 'user',
    ...given('certData', text(user, 'client-certificate-data')),
    ...(text(user, 'client-certificate-data') === undefined && given('certFile', text(user, 'client-certificate'))),
    ...given('keyData', text(user, 'client-key-data')),
    ...(text(user, 'client-key-data') === undefined && given('keyFile', text(user, 'client-key'))),
    ...given('username', text(user, 'username')),
    ...given('password', text(user, 'password')),
    ...given('impersonateUser', text(user, 'as')),
    // Its own authenticators see neither of these and leave them to ours; what is left to them is `auth-provider` (OIDC).
    ...given('bearer', text(user, 'token')),
    ...given('tokenFile', text(user, 'tokenFile')),
    ...(exec && {plugin: exec}),
    ...(user['auth-provider'] !== undefined && {authProvider: user['auth-provider']}),
  };
  const insecure = cluster['insecure-skip-tls-verify'] === true;
  config.loadFromOptions({
    clusters: [
      {
        name: 'cluster',
        server,
        // Without this, client-node refuses plain HTTP, which is what `kubectl proxy` speaks.
        skipTLSVerify: insecure || server.startsWith('http:'),
        ...given('caData', text(cluster, 'certificate-authority-data')),
        ...(text(cluster, 'certificate-authority-data') === undefined && given('caFile', text(cluster, 'certificate-authority'))),
        ...given('tlsServerName', text(cluster, 'tls-server-name')),
        ...given('proxyUrl', text(cluster, 'proxy-url') ?? proxyOf(server, process.env)),
      },
    ],
    users: [known],
    contexts: [{name, cluster: 'cluster', user: 'user'}],
    currentContext: name,
  });
  return {config, login, context: name, server, files};
}

/** What a pod has: the service account's token and CA. */
async function podConfig(): Promise<FoundConfig> {
  const host = process.env['KUBERNETES_SERVICE_HOST']!;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${process.env['KUBERNETES_SERVICE_PORT'] ?? '443'}`;
  return assembled(
    'in-cluster',
    server,
    {'certificate-authority': `${SERVICE_ACCOUNT}/ca.crt`},
    {tokenFile: `${SERVICE_ACCOUNT}/token`},
    [],
  );
}

/** Why it cannot be read; undefined when it can. */
const readable = (file: string): Promise<string | undefined> =>
  access(file, constants.R_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? 'no such file' : error.message),
  );

const text = (entry: Entry, key: string): string | undefined => {
  const value = entry[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const given = <K extends string>(key: K, value: string | undefined): {readonly [key in K]?: string} =>
  (value === undefined ? {} : {[key]: value}) as {readonly [key in K]?: string};
