import {spawn} from 'node:child_process';
import {type RunResult, TransportError} from './transport.js';

/** Between asking a process group to end and ending it. */
const GRACE_MS = 500;

export interface ProcessOptions {
  readonly signal: AbortSignal;
  /** Who runs it, for messages: `netns (pid 4711)`. */
  readonly via: string;
}

/**
 * Runs a program on this machine with `input` on its stdin, in a process group of its own, so that an abort ends all of it.
 * Cut off by an abort after it had printed something, that is returned, with no code; before, it is an error.
 * @throws TransportError `exec` when it cannot be started, `timeout` when the signal fires before it printed anything.
 */
export function runProcess(program: string, args: readonly string[], input: string, {signal, via}: ProcessOptions): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(stopped(signal, via));
    const child = spawn(program, args, {stdio: 'pipe', detached: true});
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const result = (code: number | undefined): RunResult => ({
      stdout: Buffer.concat(stdout),
      stderr: Buffer.concat(stderr).toString(),
      code,
    });
    const stop = (): void => {
      killGroup(child.pid, 'SIGTERM');
      const last = setTimeout(() => killGroup(child.pid, 'SIGKILL'), GRACE_MS);
      child.once('close', () => clearTimeout(last));
      if (stdout.length === 0) reject(stopped(signal, via));
      else resolve(result(undefined));
    };
    signal.addEventListener('abort', stop, {once: true});
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (error) => {
      signal.removeEventListener('abort', stop);
      reject(new TransportError({kind: 'exec', message: `${via}: ${program} cannot be started: ${error.message}`}, {cause: error}));
    });
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      resolve(result(code ?? undefined));
    });
    // A program that does not read its stdin to the end is no fault.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function stopped(signal: AbortSignal, via: string): TransportError {
  const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return new TransportError({kind: 'timeout', message: `${via}: ${timedOut ? 'timed out' : 'interrupted'}`}, {cause: signal.reason});
}

function killGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It ended by itself between the look and the signal.
  }
}
