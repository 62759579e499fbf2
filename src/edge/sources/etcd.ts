import pMap from 'p-map';
import {defaultKeyPrefix, recordsOfEtcd} from '../../core/flannel/records/etcd.js';
import {decoded, type EtcdKey, etcdKeysOf} from '../../core/flannel/records/etcd-keys.js';
import {at, list, text} from '../../core/flannel/records/json.js';
import type {RecordGap, Records} from '../../core/flannel/records.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {EtcdFlags} from '../record-flags.js';
import {type EtcdClient, etcdClient} from './etcd-client.js';
import {EtcdError, refused, unreachable} from './etcd-failure.js';

export interface EtcdOptions {
  readonly signal: AbortSignal;
  /** For one call. */
  readonly timeoutMs: number;
  /** Of `--etcd-username`; a flag would show it to everybody who lists processes. */
  readonly password?: string | undefined;
}

/** What the flags say, as a client takes it. */
export const etcdAccess = (flags: EtcdFlags, password: string | undefined) => ({
  endpoints: flags['etcd-endpoints'] ?? [],
  ca: flags['etcd-cafile'],
  cert: flags['etcd-certfile'],
  key: flags['etcd-keyfile'],
  username: flags['etcd-username'],
  password,
});

/**
 * flannel's records out of etcd: the v3 API, and where that has no configuration or no lease the v2 one, which flannel before v0.18 uses.
 * @throws Failure exit 3 when no endpoint answers, 2 when it refuses us or holds nothing of flannel's
 */
export async function openEtcd(flags: EtcdFlags, options: EtcdOptions): Promise<Records> {
  const prefix = (flags['etcd-prefix'] ?? defaultKeyPrefix).replace(/\/+$/, '');
  const password = options.password ?? process.env['FLANCTL_ETCD_PASSWORD'];
  const access = etcdAccess(flags, password);
  if (access.username !== undefined && password === undefined)
    throw new Failure('--etcd-username needs a password', {hints: ['FLANCTL_ETCD_PASSWORD=… in the environment']});
  const client = await etcdClient(access, options);
  try {
    const gaps: RecordGap[] = [];
    const v3 = await keysOfV3(client, prefix, access, gaps);
    const whole = (keys: readonly EtcdKey[]) =>
      keys.some((k) => k.key === `${prefix}/config`) && keys.some((k) => k.key.startsWith(`${prefix}/subnets/`));
    const v2 = v3 !== undefined && whole(v3) ? [] : await keysOfV2(client, prefix, access);
    const old = v2.length > 0 && (v3 === undefined || v2.some((k) => k.key === `${prefix}/config`));
    const keys = old ? v2 : (v3 ?? []);
    if (keys.length === 0) throw nothing(client, prefix);
    const found = recordsOfEtcd(keys, {from: `etcd ${client.answering}${old ? ' (v2 API)' : ''}`, prefix, gaps});
    const doubts = [
      ...client.silent.map((why) => `etcd ${why}; ${client.answering} answered`),
      ...(old && v3 !== undefined && v3.length > 0
        ? [`etcd has keys under ${prefix} in both APIs: those of v2 are taken, since v3 has no config`]
        : []),
      ...(found.problems ?? []),
    ];
    return {...found, ...(doubts.length > 0 && {problems: doubts})};
  } catch (error) {
    throw error instanceof EtcdError ? unreachable(error) : error;
  }
}

const nothing = (client: EtcdClient, prefix: string): Failure =>
  new Failure(`etcd ${client.answering} holds nothing under ${prefix}, in the v3 and the v2 API`, {
    exit: ExitCode.usage,
    hints: ['--etcd-prefix as flanneld has it', 'With --kube-subnet-mgr flannel keeps its leases in the API server: --kubeconfig'],
  });

const base64 = (value: string): string => Buffer.from(value, 'utf8').toString('base64');

/** Where the gateway of each release is, newest first: 3.4 and later, 3.3, 3.2. */
const gateways = ['/v3', '/v3beta', '/v3alpha'];

/** undefined when this etcd has no v3 gateway. */
async function keysOfV3(
  client: EtcdClient,
  prefix: string,
  {username, password}: ReturnType<typeof etcdAccess>,
  gaps: RecordGap[],
): Promise<readonly EtcdKey[] | undefined> {
  const whole = `${prefix}/`;
  // What follows the last key with this prefix: the prefix with its last byte one higher; `/` is followed by `0`.
  const range = {key: base64(whole), range_end: base64(`${prefix}0`), serializable: false};
  for (const gateway of gateways) {
    if (username !== undefined) {
      const login = await client.ask('POST', `${gateway}/auth/authenticate`, {name: username, password});
      if (login.status === 404) continue;
      // With authentication switched off nobody needs to log in.
      if (login.status === 200) client.authorize(text(json(login.text), 'token'));
      else if (!/authentication is not enabled/.test(login.text))
        throw refused(login.status, said(login.text), 'logging in', client.answering);
    }
    const answer = await client.ask('POST', `${gateway}/kv/range`, range);
    if (answer.status === 404) continue;
    if (answer.status !== 200) throw refused(answer.status, said(answer.text), 'reading its keys', client.answering);
    const body = json(answer.text);
    const {keys} = etcdKeysOf({kvs: list(at(body, 'kvs'))});
    return withTtl(client, gateway, keys, leasesOf(body), gaps);
  }
  return undefined;
}

/** The lease of each key, as text: they are larger than a number can be exactly. */
const leasesOf = (body: unknown): ReadonlyMap<string, string> =>
  new Map(
    list(at(body, 'kvs')).flatMap((item) => {
      const [key, lease] = [decoded(at(item, 'key')), at(item, 'lease')];
      return key !== undefined && typeof lease === 'string' && lease !== '0' ? [[key, lease] as const] : [];
    }),
  );

async function withTtl(
  client: EtcdClient,
  gateway: string,
  keys: readonly EtcdKey[],
  leases: ReadonlyMap<string, string>,
  gaps: RecordGap[],
): Promise<readonly EtcdKey[]> {
  const seconds = new Map<string, number>();
  await pMap(
    new Set(leases.values()),
    async (id) => {
      const answer = await client.ask('POST', `${gateway}/lease/timetolive`, {ID: id});
      const ttl = Number(text(json(answer.text), 'TTL') ?? at(json(answer.text), 'TTL'));
      // -1 says that it ran out while we looked.
      if (answer.status === 200 && Number.isFinite(ttl)) seconds.set(id, Math.max(0, ttl));
    },
    {concurrency: 16},
  );
  const unknown = [...leases.values()].filter((id) => !seconds.has(id)).length;
  if (unknown > 0) gaps.push({what: 'lease times', why: `etcd does not say when ${unknown} of ${leases.size} leases expire`});
  return keys.map((entry): EtcdKey => {
    const lease = leases.get(entry.key);
    const ttl = lease === undefined ? 'none' : seconds.get(lease);
    const {ttl: _, ...rest} = entry;
    return ttl === undefined ? rest : {...rest, ttl};
  });
}

async function keysOfV2(
  client: EtcdClient,
  prefix: string,
  {username, password}: ReturnType<typeof etcdAccess>,
): Promise<readonly EtcdKey[]> {
  client.authorize(username === undefined ? undefined : `Basic ${base64(`${username}:${password ?? ''}`)}`);
  const path = `/v2/keys/${prefix
    .split('/')
    .filter((part) => part !== '')
    .map(encodeURIComponent)
    .join('/')}`;
  const answer = await client.ask('GET', `${path}?recursive=true&quorum=true`);
  // Switched off (the default since 3.4), or no such key.
  if (answer.status === 404) return [];
  if (answer.status !== 200) throw refused(answer.status, said(answer.text), 'reading its v2 keys', client.answering);
  return etcdKeysOf(json(answer.text)).keys;
}

/** The message of an error answer, of either API; else the text itself. */
function said(answer: string): string {
  const body = json(answer);
  return text(body, 'message') ?? text(body, 'error') ?? answer;
}

function json(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
}
