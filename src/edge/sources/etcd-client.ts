import {readFile} from 'node:fs/promises';
import {request as requestHttp} from 'node:http';
import {type RequestOptions, request as requestHttps} from 'node:https';
import {Failure} from '../../failure.js';
import {oneLine} from '../ui/escape.js';
import {EtcdError, unanswered} from './etcd-failure.js';

/** Where etcd is and how to speak with it, as flanneld is told (model/flannel-backends.md §7). */
export interface EtcdAccess {
  /** Tried in this order; `host:port` alone means http, or https where there are certificates. */
  readonly endpoints: readonly string[];
  /** Paths of PEM files. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export interface EtcdAnswer {
  readonly status: number;
  readonly text: string;
}

/** One etcd cluster. Every call goes to the endpoint that answered last, then to the others; nothing is asked before the first call. */
export interface EtcdClient {
  /** A call with JSON, as the v3 gateway and v2 have it. @throws EtcdError when no endpoint gives an HTTP answer */
  ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<EtcdAnswer>;
  /** v2 takes name and password with every call, v3 a token: what `Authorization` says from now on. */
  authorize(value: string | undefined): void;
  /** The endpoint that answered last. */
  readonly answering: string;
  /** Endpoints that gave no answer, with the reason: `http://10.0.0.5:2379: connection refused`. */
  readonly silent: readonly string[];
}

/** No cluster's leases come near this. */
const LARGEST = 64 * 2 ** 20;

/**
 * @param timeoutMs for one call; shared by the endpoints, so that a dead one leaves time for the next
 * @throws Failure when a file cannot be read or an endpoint is no URL
 */
export async function etcdClient(access: EtcdAccess, {signal, timeoutMs}: {signal: AbortSignal; timeoutMs: number}): Promise<EtcdClient> {
  const secure = access.ca !== undefined || access.cert !== undefined;
  const endpoints = [...new Set(access.endpoints.map((text) => endpointOf(text, secure)))];
  if (endpoints.length === 0) throw new Failure('--etcd-endpoints names none', {hints: ['--etcd-endpoints https://10.0.0.5:2379']});
  if ((access.cert === undefined) !== (access.key === undefined))
    throw new Failure('--etcd-certfile and --etcd-keyfile belong together', {hints: ['The same files that flanneld is given.']});
  const [ca, cert, key] = await Promise.all([pem('ca', access.ca), pem('cert', access.cert), pem('key', access.key)]);
  const tls = {...(ca !== undefined && {ca}), ...(cert !== undefined && {cert}), ...(key !== undefined && {key})};
  const silent = new Map<string, string>();
  const share = Math.max(500, Math.floor(timeoutMs / endpoints.length));
  let authorization: string | undefined;
  let last = endpoints[0]!;

  function once(endpoint: string, method: string, path: string, body: string | undefined): Promise<EtcdAnswer> {
    const url = new URL(path, `${endpoint}/`);
    const how: RequestOptions = {
      method,
      signal: AbortSignal.any([signal, AbortSignal.timeout(share)]),
      headers: {
        Accept: 'application/json',
        'User-Agent': 'flanctl',
        ...(body !== undefined && {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body)}),
        ...(authorization !== undefined && {Authorization: authorization}),
      },
      // The connection is of no use after one listing, and would keep the process alive.
      agent: false,
    };
    return new Promise((resolve, reject) => {
      const sent = url.protocol === 'https:' ? requestHttps(url, {...how, ...tls}) : requestHttp(url, how);
      sent.on('error', reject);
      sent.on('response', (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on('data', (part: Buffer) => {
          size += part.length;
          if (size > LARGEST) sent.destroy(new Error(`its answer is larger than ${LARGEST / 2 ** 20} MiB`));
          else parts.push(part);
        });
        response.on('end', () => resolve({status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8')}));
        response.on('error', reject);
      });
      sent.end(body);
    });
  }

  return {
    async ask(method, path, body) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const order = [last, ...endpoints.filter((e) => e !== last)];
      const reasons: {readonly endpoint: string; readonly error: unknown}[] = [];
      for (const endpoint of order) {
        try {
          const answer = await once(endpoint, method, path, text);
          // A member without a leader, or that is just starting: another may have one.
          if (answer.status === 503 || answer.status === 504) {
            reasons.push({endpoint, error: new Error(`${answer.status} ${oneLine(answer.text).slice(0, 200)}`)});
            continue;
          }
          last = endpoint;
          silent.delete(endpoint);
          return answer;
        } catch (error) {
          if (signal.aborted) throw new Failure('interrupted while asking etcd', {cause: error});
          reasons.push({endpoint, error});
        } finally {
          for (const {endpoint: dead, error} of reasons) silent.set(dead, unanswered(error, share));
        }
      }
      throw new EtcdError(reasons.map(({endpoint, error}) => `${endpoint}: ${unanswered(error, share)}`).join('; '), reasons.at(-1)?.error);
    },
    authorize(value) {
      authorization = value;
    },
    get answering() {
      return last;
    },
    get silent() {
      return [...silent].map(([endpoint, why]) => `${endpoint}: ${why}`);
    },
  };
}

/** @throws Failure when the text is no address of an etcd */
function endpointOf(text: string, secure: boolean): string {
  const whole = text.includes('://') ? text : `${secure ? 'https' : 'http'}://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '' || url.pathname !== '/')
    throw new Failure(`--etcd-endpoints: not an endpoint: ${oneLine(text)}`, {
      hints: ['http://10.0.0.5:2379 or https://etcd-1:2379, with commas between several'],
    });
  if (url.username !== '' || url.password !== '')
    throw new Failure('--etcd-endpoints must not hold a password', {
      hints: ['--etcd-username NAME with FLANCTL_ETCD_PASSWORD in the environment'],
    });
  return url.origin;
}

async function pem(which: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(`--etcd-${which}file: cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
