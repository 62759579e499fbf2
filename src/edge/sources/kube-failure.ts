import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import {oneLine} from '../ui/escape.js';
import type {Asked} from './kube-request.js';

/** What a call to the API server came to, when it did not work. */
export class KubeError extends Error {
  /** HTTP's; absent when there was no answer. */
  readonly status?: number;
  /** The Status object's: `Expired`, `Conflict`, `AlreadyExists`, … */
  readonly reason?: string;
  /** Node's or OpenSSL's code, when there was no answer. */
  readonly code?: string;
  readonly asked?: Asked;
  readonly server: string;

  constructor(message: string, facts: {server: string; asked?: Asked; status?: number; reason?: string; code?: string; cause?: unknown}) {
    super(message, facts.cause === undefined ? {} : {cause: facts.cause});
    this.name = 'KubeError';
    this.server = facts.server;
    if (facts.asked !== undefined) this.asked = facts.asked;
    if (facts.status !== undefined) this.status = facts.status;
    if (facts.reason !== undefined) this.reason = facts.reason;
    if (facts.code !== undefined) this.code = facts.code;
  }
}

/** `10.0.0.5:6443` of a server's URL. */
export function hostPort(server: string): string {
  if (!URL.canParse(server)) return server;
  const url = new URL(server);
  return url.port === '' ? `${url.hostname}:${url.protocol === 'http:' ? 80 : 443}` : url.host;
}

/**
 * One message for whatever went wrong while `doing` ('listing the nodes'): what failed, where, and what to do about it. Exit 2 when the
 * configuration, the credentials or the permissions are to be mended, 3 when the server could not be asked.
 */
export function apiFailure(error: unknown, doing: string): Failure {
  if (error instanceof Failure) return error;
  const known = error instanceof KubeError ? error : undefined;
  const {server = 'the API server', status, asked} = known ?? {};
  const at = `${doing} at ${hostPort(server)}`;
  const cause = {cause: error};
  const code = known?.code ?? codeOf(error);
  const said = oneLine(messageOf(error)).slice(0, 400);
  const mend = (why: string, ...hints: string[]) => new Failure(`${at}: ${why}`, {...cause, hints});
  const unasked = (why: string, ...hints: string[]) => new Failure(`${at}: ${why}`, {...cause, hints, exit: ExitCode.incomplete});
  // The WebSocket of an exec tells its status in words.
  switch (status ?? Number(/Unexpected server response: (\d{3})/.exec(said)?.[1])) {
    case 401:
      return mend(
        'the server does not know us: the token or certificate is not valid, or has expired (401)',
        'Log in again as for kubectl: `kubectl get nodes` must work with this kubeconfig and context.',
      );
    case 403:
      return mend(
        `the server forbids it${asked ? `: ${permission(asked)} is missing` : ''} (403)${known ? `: ${said}` : ''}`,
        `docs/rbac.yaml has the ClusterRole for reading${asked && !['get', 'list'].includes(asked.verb) ? ', docs/rbac-migrate.yaml the one for changes' : ''}.`,
      );
    case 404:
      return mend(`not found (404): ${said}`);
    case 407:
      return mend('the proxy asks for a login (407)', "Write it into the kubeconfig's proxy-url: http://user:password@host:port");
    case 409:
      return new Failure(`${at}: somebody else changed it at the same time (409): ${said}`, {...cause, exit: ExitCode.incomplete});
    case 410:
      return unasked(
        'the listing expired while it was read, again and again (410)',
        'The server is overloaded, or its etcd is compacted too fast.',
      );
    case 429:
      return unasked('the server has too much to do, and went on saying so (429)', 'Try again later, or with a larger --timeout.');
  }
  if (status !== undefined) return unasked(`the server answered ${status}: ${said}`);
  if (code === 'TIMEOUT') return unasked(said, 'Is it up, and reachable from here? A larger --timeout waits longer.');
  switch (code) {
    case 'ECONNREFUSED':
      return unasked('cannot be reached: connection refused', 'Is the API server up? Is this the right kubeconfig and --context?');
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return unasked(`cannot be reached: ${code === 'ETIMEDOUT' ? 'no answer' : 'no route to host'}`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return unasked('cannot be reached: its name cannot be resolved');
    case 'ECONNRESET':
    case 'EPIPE':
      return unasked('the connection was cut');
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return mend(`that is no TLS server: ${said}`, 'Should its URL in the kubeconfig begin with http: or have another port?');
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return mend(`its certificate is for another name: ${said}`, 'tls-server-name in the kubeconfig names the one it is for.');
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return mend(`its certificate ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}`, "Is this machine's clock right?");
  }
  if (/^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|CRL_|INVALID_CA|HOSTNAME_MISMATCH)/.test(code ?? '')) {
    return mend(
      `its certificate is not signed by the CA in the kubeconfig (${code})`,
      'Is this the right cluster? certificate-authority(-data) must be the CA of this API server.',
    );
  }
  if (/^ERR_(SSL|OSSL|CRYPTO)_|^ERR_OSSL/.test(code ?? '')) {
    return mend(
      `TLS: ${said} (${code})`,
      'Are client-certificate, client-key and certificate-authority of the kubeconfig whole, and of one kind?',
    );
  }
  return unasked(said === '' ? 'no answer' : said);
}

const permission = ({verb, resource, group, namespace, name}: Asked): string =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${JSON.stringify(name)}`} ` +
  `${namespace === undefined ? 'in all namespaces' : `in namespace ${namespace}`}`;

const codeOf = (error: unknown): string | undefined => {
  const inner = error as {code?: unknown; error?: {code?: unknown}} | null | undefined;
  const code = inner?.code ?? inner?.error?.code;
  return typeof code === 'string' ? code : undefined;
};

/** An error's text; a WebSocket's ErrorEvent has one too. */
function messageOf(error: unknown): string {
  const message = (error as {message?: unknown} | null | undefined)?.message;
  return typeof message === 'string' ? message : String(error);
}
