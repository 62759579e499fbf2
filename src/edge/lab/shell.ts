import {spawn} from 'node:child_process';
import {Failure} from '../../failure.js';

export interface Ran {
  /** Exit status; 128 + n when signal n ended it, 127 when the program is not there. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly signal?: AbortSignal;
}

const SIGNAL_NUMBERS: {readonly [name: string]: number} = {SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15};

/** The number a shell would give: 128 + n for a signal. */
export const statusOf = (code: number | null, signal: NodeJS.Signals | null): number => code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0);

/** Runs a program to its end, in a process group of its own that an abort ends whole. A non-zero status is a value, not an error. */
export function run(argv: readonly string[], {input, signal}: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const child = spawn(argv[0]!, argv.slice(1), {stdio: 'pipe', detached: true, env: environment()});
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const stop = (): void => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
      reject(signal!.reason);
    };
    signal?.addEventListener('abort', stop, {once: true});
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', (error) => {
      signal?.removeEventListener('abort', stop);
      resolve({code: 127, stdout: '', stderr: error.message});
    });
    child.on('close', (code, killedBy) => {
      signal?.removeEventListener('abort', stop);
      resolve({code: statusOf(code, killedBy), stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString()});
    });
    // A program that does not read its stdin to the end is no fault.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
  });
}

/** The tools live in sbin, which a user's sudo may leave out; their messages are matched, so they must not be translated. */
export const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  LC_ALL: 'C',
  PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`,
});

/**
 * Runs a program that must succeed; its stdout.
 * @throws Failure with the command and what it said.
 */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const ran = await run(argv, options);
  if (ran.code === 0) return ran.stdout;
  throw new Failure(`${argv.join(' ').slice(0, 200)}: exit ${ran.code}: ${ran.stderr.trim() || 'no message'}`);
}

/**
 * Feeds lines to `ip -batch` (or `bridge -batch`) in one process, in a named namespace or, without one, in this machine's.
 * @throws Failure with the line that failed and what the kernel said of it.
 */
export async function batch(
  tool: 'ip' | 'bridge',
  netns: string | undefined,
  lines: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if (lines.length === 0) return;
  const argv = [tool, ...(netns === undefined ? [] : ['-n', netns]), '-batch', '-'];
  const ran = await run(argv, {input: `${lines.join('\n')}\n`, ...(signal && {signal})});
  if (ran.code === 0) return;
  const at = /Command failed -:(\d+)/.exec(ran.stderr)?.[1];
  const line = at === undefined ? argv.join(' ') : `${argv.slice(0, -2).join(' ')} ${lines[Number(at) - 1] ?? ''}`;
  const said = ran.stderr.replace(/\n?Command failed -:\d+\n?/g, '').trim();
  throw new Failure(`${line}: ${said || `exit ${ran.code}`}`, {hints: hintsFor(said)});
}

function hintsFor(said: string): readonly string[] {
  return /Unknown device type|Operation not supported/.test(said)
    ? ['this kernel lacks a device type that the lab needs: load the modules vxlan, bridge and veth, and the one of the backend']
    : [];
}
