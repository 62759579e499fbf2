import {request as requestHttp} from 'node:http';
import {type RequestOptions, request as requestHttps} from 'node:https';
import {setTimeout as sleep} from 'node:timers/promises';
import type {KubeConfig} from '@kubernetes/client-node';
import {findKubeConfig, type KubeFlags} from './kube-config.js';
import {hostPort, KubeError} from './kube-failure.js';
import {askedOf, type Method} from './kube-request.js';

export {hasKubeConfig, type KubeFlags} from './kube-config.js';
export {apiFailure, KubeError} from './kube-failure.js';

/** An object as the API server's JSON has it. */
export type KubeObject = {readonly [key: string]: unknown};

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: unknown;
  /** `application/json` unless told; patches name theirs: `application/strategic-merge-patch+json`, `application/merge-patch+json`. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** One API server as one user. Nothing is asked before the first call; every call ends within `timeoutMs`. */
export interface KubeClient {
  /** For what speaks another protocol: `new Exec(client.config)`. It has one context only, and its login is ours. */
  readonly config: KubeConfig;
  readonly context: string;
  /** `https://10.0.0.5:6443`. */
  readonly server: string;
  /** For people: `context admin@prod`. */
  readonly from: string;
  /**
   * One call; `path` from the root: `/api/v1/nodes/n1`. 429 is tried again after Retry-After; a GET also after 5xx or a lost connection,
   * and a 401 once with fresh credentials. @throws KubeError, or Failure when there are no credentials
   */
  call(method: Method, path: string, options?: CallOptions): Promise<KubeObject>;
  /**
   * All pages of a listing, 500 objects each; begun anew when the server has forgotten where we were (410). `keep` makes of
   * an object what is kept of it, page by page. @throws as `call`
   */
  list(path: string, options?: ListOptions, keep?: (item: KubeObject) => KubeObject): Promise<readonly KubeObject[]>;
}

export type ListOptions = Omit<CallOptions, 'body' | 'contentType'>;

const PAGE = 500;
/** Milliseconds before the second, third, … try, unless the server says when. */
const BACK_OFF = [200, 400, 800, 1600, 3200];
const RESTARTS = 3;

/**
 * Opens the cluster that a kubeconfig names, by kubectl's rules (kube-config.ts). `timeoutMs` is for one call, its retries included; a
 * listing's pages are one call each. @throws Failure when the kubeconfig cannot be used
 */
export async function kubeClient(flags: KubeFlags & {readonly timeoutMs: number}): Promise<KubeClient> {
  const {config, login, context, server} = await findKubeConfig(flags);
  const {timeoutMs} = flags;

  /** @throws KubeError for whatever is no success */
  async function once(method: Method, path: string, options: CallOptions, signal: AbortSignal): Promise<Answer> {
    const query = new URLSearchParams(
      Object.entries(options.query ?? {}).map(([key, value]): [string, string] => [key, String(value)]),
    ).toString();
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const how: RequestOptions = {headers: {Accept: 'application/json', 'User-Agent': 'flanctl'}};
    await config.applyToHTTPSOptions(how);
    const headers = {
      ...(how.headers as {[name: string]: string}),
      ...(body !== undefined && {'Content-Type': options.contentType ?? 'application/json', 'Content-Length': Buffer.byteLength(body)}),
    };
    const send = server.startsWith('http:') ? requestHttp : requestHttps;
    return new Promise((resolve, reject) => {
      const sent = send(`${server}${path}${query === '' ? '' : `?${query}`}`, {...how, headers, method, signal}, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const after = response.headers['retry-after'];
          resolve({status: response.statusCode ?? 0, text: Buffer.concat(parts).toString(), ...(after !== undefined && {after})});
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  async function call(method: Method, path: string, options: CallOptions = {}): Promise<KubeObject> {
    const asked = askedOf(method, path);
    const clock = AbortSignal.timeout(timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, clock]) : clock;
    let renewed = false;
    for (let tries = 0; ; tries++) {
      let failed: KubeError;
      let after: string | undefined;
      try {
        const answer = await once(method, path, options, signal);
        if (answer.status >= 200 && answer.status < 300) return objectOf(answer, server, asked);
        failed = refusal(answer, server, asked);
        after = answer.after;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (clock.aborted) throw late(error);
        if (!(error instanceof Error) || !('code' in error)) throw error;
        failed = new KubeError(error.message, {server, asked, code: String(error.code), cause: error});
      }
      if (failed.status === 401 && !renewed && login.forget()) {
        renewed = true;
        continue;
      }
      const wait = BACK_OFF[tries];
      if (wait === undefined || !worthAnother(failed, method)) throw failed;
      await sleep(afterMs(after) ?? wait, undefined, {signal}).catch(() => {
        options.signal?.throwIfAborted();
        // What the server said, or did, tells more than that the time is up.
        throw failed;
      });
    }

    function late(cause: unknown): KubeError {
      return new KubeError(`no answer within ${timeoutMs / 1000} s`, {server, asked, code: 'TIMEOUT', cause});
    }
  }

  async function list(path: string, options: ListOptions = {}, keep = (item: KubeObject) => item): Promise<readonly KubeObject[]> {
    for (let restarts = 0; ; restarts++) {
      const items: KubeObject[] = [];
      let next: string | undefined;
      try {
        do {
          const page = await call('GET', path, {
            ...options,
            query: {...options.query, limit: PAGE, ...(next !== undefined && {continue: next})},
          });
          if (!Array.isArray(page['items'])) throw new KubeError('that is no list', {server, asked: askedOf('GET', path), status: 200});
          items.push(...(page['items'] as readonly KubeObject[]).map(keep));
          next = (page['metadata'] as {continue?: string} | undefined)?.continue || undefined;
        } while (next !== undefined);
        return items;
      } catch (error) {
        if (!(error instanceof KubeError) || error.status !== 410 || restarts >= RESTARTS) throw error;
      }
    }
  }

  return {
    config,
    context,
    server,
    from: context === 'in-cluster' ? `the API server ${hostPort(server)}` : `context ${context}`,
    call,
    list,
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Retry-After. */
  readonly after?: string;
}

function objectOf({text, status}: Answer, server: string, asked: ReturnType<typeof askedOf>): KubeObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as KubeObject;
  } catch {
    // Said below.
  }
  throw new KubeError('what it said is no JSON object: is that an API server?', {server, asked, status});
}

/** A Status object says why; a proxy's page of HTML says it in its first line at best. */
function refusal({status, text}: Answer, server: string, asked: ReturnType<typeof askedOf>): KubeError {
  let message = text.trim().split('\n')[0] ?? '';
  let reason: string | undefined;
  try {
    const said = JSON.parse(text) as {message?: unknown; reason?: unknown} | null;
    if (typeof said?.message === 'string') message = said.message;
    if (typeof said?.reason === 'string') reason = said.reason;
  } catch {
    // No Status.
  }
  return new KubeError(message, {server, asked, status, ...(reason !== undefined && {reason})});
}

/** 429 was not begun; what only reads can be asked again after any mishap that may pass. */
function worthAnother({status, code}: KubeError, method: Method): boolean {
  if (status === 429) return true;
  if (method !== 'GET') return false;
  return status === undefined ? code === 'ECONNRESET' || code === 'EPIPE' : [500, 502, 503, 504].includes(status);
}

/** Retry-After in milliseconds: seconds, or a date. */
function afterMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds * 1000);
}
