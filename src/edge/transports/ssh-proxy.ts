import {spawn} from 'node:child_process';
import {Duplex} from 'node:stream';

/** A ProxyCommand whose stdin and stdout are the connection. */
export interface Proxy {
  readonly stream: Duplex;
  /** The end of what it printed on stderr, unescaped. */
  said(): string;
  /** Ends the command and all it started. */
  close(): void;
}

/** How much of stderr is kept: enough for the last words. */
const KEPT = 2000;

/** Starts `command` as OpenSSH does (`exec`, by a shell). It gets a process group of its own, so that a pipeline in it ends as a whole. */
export function proxy(command: string): Proxy {
  const child = spawn('sh', ['-c', `exec ${command}`], {stdio: 'pipe', detached: true});
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-KEPT);
  });
  const close = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It ended by itself between the look and the signal.
    }
  };
  // Not Duplex.from: that destroys with an AbortError when the child ends first, and its last words come a moment later than its end.
  const stream = new Duplex({
    read: () => child.stdout.resume(),
    write: (chunk, _, done) => child.stdin.write(chunk, () => done()),
    final: (done) => child.stdin.end(done),
    destroy: (error, done) => {
      close();
      done(error);
    },
  });
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  // An EPIPE here only says what 'close' says as well.
  child.stdin.on('error', () => undefined);
  child.on('error', (error) => stream.destroy(error));
  let ended = false;
  const end = (): void => {
    if (!ended) stream.push(null);
    ended = true;
  };
  child.on('close', end);
  // Its end is the connection's end, but what it says of the reason may come a moment after.
  child.stdout.on('end', () => setTimeout(end, 200));
  return {stream, said: () => stderr, close};
}
