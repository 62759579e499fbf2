import {randomBytes} from 'node:crypto';
import {setMaxListeners} from 'node:events';
import {setTimeout as delay} from 'node:timers/promises';
import type {Client, ClientCallback} from 'ssh2';
import type {TransportOptions} from './index.js';
import {connect} from './ssh-connection.js';
import {aborted, failure, printable} from './ssh-failure.js';
import {gate} from './ssh-gate.js';
import type {Connection} from './ssh-handshake.js';
import {type NodeAddress, type RunResult, type Transport, TransportError} from './transport.js';

/** sshd allows ten sessions on a connection unless told otherwise (MaxSessions); one is kept for ending a run. */
const CHANNELS = 8;
/** Milliseconds that ending a remote command may take before the connection is closed over it. */
const GRACE = 1000;

/**
 * Connects to a node by SSH as OpenSSH would (ssh_config, known_hosts, agent, jumps), with one connection that all runs share.
 * A run that is aborted closes the connection.
 * @throws TransportError
 */
export async function open(address: NodeAddress, options: TransportOptions, signal: AbortSignal): Promise<Transport> {
  // One signal stands for a whole fan-out: many listeners on it are no leak.
  setMaxListeners(0, signal);
  const {node, host, user, port} = address;
  const connection = await connect(
    {name: host ?? node, ...(user !== undefined && {user}), ...(port !== undefined && {port})},
    options,
    signal,
  );
  const channels = gate(CHANNELS);
  const ending: Promise<void>[] = [];
  return {
    node,
    via: `ssh ${connection.via}`,
    async run(script, args, {signal: stop}) {
      setMaxListeners(0, stop);
      const leave = await channels.enter(stop).catch(() => {
        throw aborted(stop, `waiting for a channel of ${connection.via}`);
      });
      try {
        return await patiently(stop, () => execute(connection, script, args, stop, (end) => ending.push(end)));
      } finally {
        leave();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(ending);
      connection.close();
    },
  };
}

/** sshd counts a session until it has cleaned up after it, which may be after we saw it close: a refused channel is asked for again. */
async function patiently<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let wait = 50; ; wait *= 2) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TransportError) || error.failure.kind !== 'exec' || wait > 1600 || signal.aborted) throw error;
      await delay(wait, undefined, {signal}).catch(() => undefined);
    }
  }
}

/** sshd hands the command to the user's shell; single quotes are the one quoting every shell agrees on. */
const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * What sshd is asked to run: `sh -s -- args`, after a line on stderr that names its process group. That is the only way to end it later:
 * sshd closes a silent command's pipes but leaves it running, and for root it passes no signals (session.c: "requires privilege separation").
 * The fifth word of /proc/PID/stat is the group (proc(5)); `$$` is the login shell's pid or its child's, and both are in the group.
 */
const commandLine = (mark: string, args: readonly string[]): string =>
  [
    'sh',
    '-c',
    quote(`{ read -r a b c d g e </proc/$$/stat; } 2>/dev/null && echo "${mark} $g" >&2; exec sh -s -- "$@"`),
    'sh',
    ...args.map(quote),
  ].join(' ');

/** What came before a cut is evidence: it is handed over with no code; only a cut before the first byte is thrown. */
function execute(
  connection: Connection,
  script: string,
  args: readonly string[],
  signal: AbortSignal,
  ending: (end: Promise<void>) => void,
): Promise<RunResult> {
  const {client, via} = connection;
  const mark = `flanctl-group-${randomBytes(6).toString('hex')}`;
  const marked = new RegExp(`${mark} (\\d+)\n`);
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const said = (): string => Buffer.concat(stderr).toString();
    const end = (code: number | undefined, cut?: () => Error): void => {
      signal.removeEventListener('abort', stop);
      if (cut && stdout.length === 0) reject(cut());
      else resolve({stdout: Buffer.concat(stdout), stderr: said().replace(marked, ''), code});
    };
    const stop = (): void => {
      ending(kill(connection, marked.exec(said())?.[1]));
      end(undefined, () => aborted(signal, `running the script on ${via}`));
    };
    const gone = (): Error =>
      failure('connect', `${via}: the connection was lost: ${printable(connection.lost()?.message ?? 'no reason given')}`);
    if (signal.aborted) return reject(aborted(signal, `running the script on ${via}`));
    if (connection.lost()) return reject(gone());
    signal.addEventListener('abort', stop, {once: true});
    attempt(client, commandLine(mark, args), (error, channel) => {
      if (error)
        return end(undefined, () =>
          connection.lost() ? gone() : failure('exec', `${via}: ${printable(error.message)}`, undefined, error),
        );
      let code: number | undefined;
      channel.on('data', (chunk: Buffer) => stdout.push(chunk));
      channel.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
      channel.on('exit', (status: number | null) => {
        code = status ?? undefined;
      });
      channel.on('close', () => end(code, code === undefined && connection.lost() ? gone : undefined));
      // A command that does not read its stdin to the end is no fault.
      channel.on('error', () => undefined);
      channel.end(script);
    });
  });
}

/** Ends the process group of an aborted run over a second channel, then closes the connection; resolves when both are done or given up. */
async function kill(connection: Connection, group: string | undefined): Promise<void> {
  if (group !== undefined && !connection.lost()) {
    await new Promise<void>((done) => {
      const timer = setTimeout(done, GRACE);
      const over = (): void => {
        clearTimeout(timer);
        done();
      };
      attempt(connection.client, `kill -TERM -${group}`, (error, channel) => {
        if (error) return over();
        channel.on('close', over);
        channel.on('error', () => undefined);
        channel.resume().stderr.resume();
      });
    });
  }
  connection.close();
}

/** ssh2 throws where the socket is gone already, and calls back where it goes later: one way is enough. */
function attempt(client: Client, command: string, done: ClientCallback): void {
  try {
    client.exec(command, done);
  } catch (error) {
    done(error as Error, undefined as never);
  }
}
