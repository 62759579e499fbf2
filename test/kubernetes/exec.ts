import type {ChildProcess} from 'node:child_process';
import type {WebSocket} from 'ws';

/** Channels of `v4.channel.k8s.io` and `v5.channel.k8s.io`: the first byte of each message. */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const CLOSE = 255;

/** Joins a process and the other end of an exec, until either ends. */
export function serveExec(ws: WebSocket, child: ChildProcess, stdin: boolean): void {
  const frame = (channel: number, data: Buffer | string): void => ws.send(Buffer.concat([Buffer.of(channel), Buffer.from(data)]));
  const end = (status: object): void => {
    if (ws.readyState !== ws.OPEN) return;
    frame(ERROR, JSON.stringify({metadata: {}, ...status}));
    ws.close(1000);
  };
  child.stdin?.on('error', () => undefined);
  child.stdout?.on('data', (data: Buffer) => frame(STDOUT, data));
  child.stderr?.on('data', (data: Buffer) => frame(STDERR, data));
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
  ws.on('message', (data: Buffer) => {
    if (data[0] === STDIN && stdin) child.stdin?.write(data.subarray(1));
    // v5 only: half-close, which v4 cannot say.
    else if (data[0] === CLOSE && data[1] === STDIN && ws.protocol === 'v5.channel.k8s.io') child.stdin?.end();
  });
  // The runtime lets the process live on; its stdin goes with the connection.
  ws.on('close', () => child.stdin?.end());
}
