import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import {oneLine} from '../ui/escape.js';

/** No endpoint of etcd gave an answer. */
export class EtcdError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, {cause});
    this.name = 'EtcdError';
  }
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Why a connection came to nothing, in a few words. */
export function unanswered(error: unknown, waitedMs: number): string {
  const code = codeOf(error);
  const said = oneLine(error instanceof Error ? error.message : String(error)).slice(0, 200);
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError' || code === 'ABORT_ERR'))
    return `no answer within ${Number((waitedMs / 1000).toFixed(1))} s`;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name is not known';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no route to it';
    case 'ECONNRESET':
      return `it closed the connection${said.includes('socket') ? ' (https on one side and http on the other, or it wants a client certificate)' : ''}`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'its certificate is for another name';
    case 'CERT_HAS_EXPIRED':
      return 'its certificate has expired';
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `its certificate is not signed by the CA we were given (${said})`;
  }
  if (code.startsWith('ERR_SSL') || code === 'EPROTO')
    return /wrong version number|packet length/i.test(said)
      ? 'it does not speak TLS: http instead of https?'
      : /certificate required|bad certificate|unknown ca/i.test(said)
        ? `it refuses our client certificate, or misses one (${/alert [a-z ]+/.exec(said)?.[0] ?? 'TLS alert'})`
        : `TLS: ${said}`;
  return said === '' ? code || 'no answer' : said;
}

/** What could not be asked: exit 3, since the cluster may be well and only etcd away. */
export const unreachable = (error: EtcdError): Failure =>
  new Failure(`etcd does not answer: ${error.message}`, {
    cause: error,
    exit: ExitCode.incomplete,
    hints: [
      '--etcd-endpoints as flanneld has them, with --etcd-cafile, --etcd-certfile and --etcd-keyfile where it speaks TLS.',
      'Without etcd: --inventory FILE judges the nodes by what they show.',
    ],
  });

/** An answer that is a refusal; `said` is etcd's own text. */
export function refused(status: number, said: string, doing: string, at: string): Failure {
  const words = oneLine(said).slice(0, 300);
  if (
    /authentication failed|invalid user|Insufficient credentials|invalid auth token/i.test(said) ||
    (status === 401 && !/user name is empty/.test(said))
  )
    return new Failure(`etcd ${at}: the user name or the password is not right: ${words}`, {
      hints: ['--etcd-username NAME with FLANCTL_ETCD_PASSWORD in the environment'],
    });
  if (/user name is empty/i.test(said))
    return new Failure(`etcd ${at} wants a user: ${words}`, {
      hints: ['--etcd-username NAME with FLANCTL_ETCD_PASSWORD in the environment'],
    });
  if (/permission denied/i.test(said) || status === 403)
    return new Failure(`etcd ${at} does not let this user read what flannel keeps: ${words}`, {
      hints: ['etcdctl role grant-permission ROLE read --prefix=true /coreos.com/network/'],
    });
  return new Failure(`etcd ${at}: ${doing}: ${status} ${words}`, {exit: ExitCode.incomplete});
}
