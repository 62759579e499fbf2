import type {TransportOptions} from './index.js';
import {type Connection, connect} from './ssh-connection.js';
import {aborted, failure, printable} from './ssh-failure.js';
import {gate} from './ssh-gate.js';
import type {NodeAddress, RunResult, Transport} from './transport.js';

/** sshd allows ten sessions on a connection unless told otherwise (MaxSessions). */
const CHANNELS = 8;

/**
 * Connects to a node by SSH as OpenSSH would (ssh_config, known_hosts, agent, jumps), with one connection that all runs share.
 * @throws TransportError
 */
export async function open(address: NodeAddress, options: TransportOptions, signal: AbortSignal): Promise<Transport> {
  const {node, host, user, port} = address;
  const connection = await connect(
    {name: host ?? node, ...(user !== undefined && {user}), ...(port !== undefined && {port})},
    options,
    signal,
  );
  const channels = gate(CHANNELS);
  return {
    node,
    via: `ssh ${connection.via}`,
    async run(script, args, {signal: stop}) {
      const leave = await channels.enter(stop).catch(() => {
        throw aborted(stop, `waiting for a channel of ${connection.via}`);
      });
      try {
        return await execute(connection, script, args, stop);
      } finally {
        leave();
      }
    },
    async [Symbol.asyncDispose]() {
      connection.close();
    },
  };
}

/** sshd hands the command to the user's shell; single quotes are the one quoting every shell agrees on. */
const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** What came before a cut is evidence: it is handed over with no code; only a cut before the first byte is thrown. */
function execute(connection: Connection, script: string, args: readonly string[], signal: AbortSignal): Promise<RunResult> {
  const {client, via} = connection;
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const end = (code: number | undefined, cut?: () => Error): void => {
      signal.removeEventListener('abort', stop);
      if (cut && stdout.length === 0) reject(cut());
      else resolve({stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString(), code});
    };
    let kill = (): void => undefined;
    const stop = (): void => {
      kill();
      connection.close();
      end(undefined, () => aborted(signal, `running the script on ${via}`));
    };
    const gone = (): Error =>
      failure('connect', `${via}: the connection was lost: ${printable(connection.lost()?.message ?? 'no reason given')}`);
    if (connection.lost()) return reject(gone());
    signal.addEventListener('abort', stop, {once: true});
    const command = ['sh', '-s', '--', ...args.map(quote)].join(' ');
    client.exec(command, (error, channel) => {
      if (error)
        return end(undefined, () =>
          connection.lost() ? gone() : failure('exec', `${via}: ${printable(error.message)}`, undefined, error),
        );
      let code: number | undefined;
      kill = () => {
        // sshd passes it to the command's process group (OpenSSH 7.9 and later); closing alone would leave a silent command running.
        channel.signal('TERM');
        channel.close();
      };
      if (signal.aborted) return kill();
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
