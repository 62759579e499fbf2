import {randomBytes} from 'node:crypto';
import {setMaxListeners} from 'node:events';
import {shell} from '../../core/kernel/commands.js';
import {apiFailure, type KubeClient, KubeError} from '../sources/kube-client.js';
import {oneLine} from '../ui/escape.js';
import {boot, CUT_OFF, sent} from './kube-boot.js';
import {type ExecSocket, type ExecStatus, type ExecTarget, openExec} from './kube-socket.js';
import {type RunResult, TransportError} from './transport.js';

export interface Place extends ExecTarget {
  /** For people. */
  readonly via: string;
  /** What stands before `sh -c`: how to leave the container for the node. */
  readonly enter: readonly string[];
  readonly view?: 'network';
}

/** A shell on the other side that waits for a script. */
export interface Session {
  /** Once. */
  run(script: string, args: readonly string[], signal: AbortSignal): Promise<RunResult>;
  end(): void;
}

/**
 * Starts a shell in a container and waits until it has said that it is there; so that whatever may be wrong with the pod, its container, our
 * permissions or its programs is known before anything was run. @throws TransportError
 */
export async function openSession(client: KubeClient, place: Place, signal: AbortSignal): Promise<Session> {
  // One signal stands for a whole fan-out: many listeners on it are no leak.
  setMaxListeners(0, signal);
  const {via} = place;
  const mark = `flanctl-${randomBytes(12).toString('hex')}`;
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let ended: {readonly status: ExecStatus | undefined} | undefined;
  /** Whoever waits for a change of the above. */
  let wake = (): void => undefined;
  const said = (): string => Buffer.concat(stderr).toString();
  const handlers = {
    stdout: (chunk: Buffer) => void stdout.push(chunk),
    stderr: (chunk: Buffer) => {
      stderr.push(chunk);
      wake();
    },
    over: (status: ExecStatus | undefined) => {
      ended = {status};
      wake();
    },
  };
  const command = [...place.enter, 'sh', '-c', boot, 'sh', mark, place.view ?? ''];
  let socket: ExecSocket;
  try {
    socket = await openExec(client, place, command, handlers, signal);
  } catch (error) {
    throw signal.aborted ? aborted(signal, `asking for an exec in ${via}`) : refused(error, via);
  }
  const until = (done: () => boolean, stop: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!done() && !ended && !stop.aborted) return;
        stop.removeEventListener('abort', look);
        resolve();
      };
      wake = look;
      stop.addEventListener('abort', look, {once: true});
      look();
    });

  await until(() => said().includes(`${mark}\n`), signal);
  if (signal.aborted) {
    socket.end();
    throw aborted(signal, `waiting for a shell in ${via}`);
  }
  if (ended !== undefined && !said().includes(`${mark}\n`)) throw unstarted(ended, said(), via);
  return {
    async run(script, args, stop) {
      setMaxListeners(0, stop);
      if (stop.aborted) {
        socket.end();
        throw aborted(stop, `running the script in ${via}`);
      }
      if (ended === undefined) socket.send(sent(shell(['set', '--', ...args]), script, mark));
      await until(() => false, stop);
      socket.end();
      const text = said().replace(`${mark}\n`, '');
      const code = ended === undefined ? undefined : exitCode(ended.status);
      // What came before a cut is evidence: it is handed over with no code; only a cut before the first byte is thrown.
      if (code === undefined && stdout.length === 0) {
        if (ended === undefined) throw aborted(stop, `running the script in ${via}`);
        const why = ended.status?.message ?? 'the connection was lost';
        throw new TransportError({kind: 'connect', message: `${via}: ${oneLine(why)}`});
      }
      if (code === CUT_OFF && stdout.length === 0) {
        throw new TransportError({kind: 'connect', message: `${via}: the script did not arrive`});
      }
      return {stdout: Buffer.concat(stdout), stderr: text, code};
    },
    end: () => socket.end(),
  };
}

/** client-go's tools/remotecommand: Success, or NonZeroExitCode with the code as text. Anything else is no exit of the command. */
export function exitCode(status: ExecStatus | undefined): number | undefined {
  if (status?.status === 'Success') return 0;
  const code = status?.details?.causes?.find(({reason}) => reason === 'ExitCode')?.message;
  return code !== undefined && /^\d+$/.test(code) ? Number(code) : undefined;
}

const aborted = (signal: AbortSignal, doing: string): TransportError => {
  const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return new TransportError({kind: 'timeout', message: `${timedOut ? 'timed out' : 'interrupted'} ${doing}`}, {cause: signal.reason});
};

/** The container ended, or the runtime could not start a shell in it. */
function unstarted({status}: {readonly status: ExecStatus | undefined}, stderr: string, via: string): TransportError {
  if (status === undefined)
    return new TransportError({kind: 'connect', message: `${via}: the connection was lost before there was a shell`});
  const code = exitCode(status);
  // Of a command that ended by itself the status tells nothing but the code; what it said tells why.
  const words = oneLine([status.message ?? '', stderr.trim()].filter(Boolean).join(': ')).slice(0, 400);
  const missing = code === 126 || code === 127 || /executable file not found|no such file or directory/i.test(words);
  return new TransportError({
    kind: 'exec',
    message: `${via}: ${missing ? 'there is no sh' : 'no shell could be started'}${words === '' ? '' : `: ${words}`}`,
    ...(missing && {hint: 'An image without a shell cannot be used: --via ssh, or --debug-image with one that has sh and nsenter.'}),
  });
}

/** What the API server refused, in the words it is told everywhere. */
export function refused(error: unknown, via: string, doing = 'exec'): TransportError {
  if (error instanceof TransportError) return error;
  const {message, hints} = apiFailure(error, doing);
  const status = error instanceof KubeError ? error.status : undefined;
  const kind = status === 401 || status === 403 ? 'auth' : status === 400 ? 'exec' : 'connect';
  return new TransportError({kind, message: `${via}: ${message}`, ...(hints[0] !== undefined && {hint: hints[0]})}, {cause: error});
}
