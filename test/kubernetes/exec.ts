import type {ChildProcess} from 'node:child_process';
import type {WebSocket} from 'ws';

/** Channels of an exec; over a WebSocket the first byte of each message. */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const CLOSE = 255;

/** The connection of an exec, whatever carries it. */
export interface ExecLine {
  readonly send: (channel: 1 | 2 | 3, data: Buffer | string) => void;
  /** Nothing more is said: closes it. */
  readonly end: () => void;
  /** Breaks it off. */
  readonly cut: () => void;
  /** Bytes of stdin; undefined: there are no more. */
  onStdin: (data: Buffer | undefined) => void;
  onClose: () => void;
}

/** What a test wants of an exec instead of a process that runs as it should; all of these come after the upgrade. */
export type ExecTrouble =
  /** Nothing ever comes. */
  | {readonly hang: true}
  /** The runtime fails: the message on the error channel, as it comes through the API server of v1.30 and later. */
  | {readonly broken: string}
  /** The connection is cut after so many bytes of stdout. */
  | {readonly cutAfter: number; readonly child: ChildProcess};

/** `v4.channel.k8s.io` and `v5.channel.k8s.io`. */
export function webSocketLine(ws: WebSocket): ExecLine {
  const line: ExecLine = {
    onStdin: () => undefined,
    onClose: () => undefined,
    send: (channel, data) => ws.readyState === ws.OPEN && ws.send(Buffer.concat([Buffer.of(channel), Buffer.from(data)])),
    end: () => ws.close(1000),
    cut: () => ws.terminate(),
  };
  ws.on('message', (data: Buffer) => {
    if (data[0] === STDIN) line.onStdin(data.subarray(1));
    // v5 only: half-close, which v4 cannot say.
    else if (data[0] === CLOSE && data[1] === STDIN && ws.protocol === 'v5.channel.k8s.io') line.onStdin(undefined);
  });
  ws.on('close', () => line.onClose());
  return line;
}

/** Joins a process and the other end of an exec, until either ends. */
export function serveExec(line: ExecLine, what: ChildProcess | ExecTrouble, stdin: boolean): void {
  const end = (status: object): void => {
    line.send(ERROR, JSON.stringify({metadata: {}, ...status}));
    line.end();
  };
  if ('hang' in what) return;
  if ('broken' in what) {
    end({status: 'Failure', message: what.broken, reason: 'InternalError', code: 500});
    return;
  }
  const [child, most] = 'child' in what ? [what.child, what.cutAfter] : [what, Infinity];
  let printed = 0;
  child.stdin?.on('error', () => undefined);
  child.stdout?.on('data', (data: Buffer) => {
    printed += data.length;
    if (printed > most) line.cut();
    else line.send(STDOUT, data);
  });
  child.stderr?.on('data', (data: Buffer) => line.send(STDERR, data));
  child.on('error', (error) => end({status: 'Failure', message: error.message, reason: 'InternalError', code: 500}));
  child.on('close', (code, signal) => {
    if (code === 0) return end({status: 'Success'});
    const message = `command terminated with exit code ${code ?? signal}`;
    if (code === null) return end({status: 'Failure', message, reason: 'InternalError', code: 500});
    return end({
      status: 'Failure',
      message: `command terminated with non-zero exit code: ${message}`,
      reason: 'NonZeroExitCode',
      details: {causes: [{reason: 'ExitCode', message: String(code)}]},
    });
  });
  if (!stdin) child.stdin?.end();
  line.onStdin = (data) => {
    if (data === undefined) child.stdin?.end();
    else if (stdin) child.stdin?.write(data);
  };
  // The runtime lets the process live on; its stdin goes with the connection.
  line.onClose = () => child.stdin?.end();
}
