import {connect as connectTcp} from 'node:net';
import type {Duplex} from 'node:stream';
import {setTimeout as delay} from 'node:timers/promises';
import type {TransportOptions} from './index.js';
import {aborted, endpoint, failure, printable} from './ssh-failure.js';
import {type Gate, gate} from './ssh-gate.js';
import {type Connection, Dropped, handshake, type Line, unverified} from './ssh-handshake.js';
import {resolve, type SshHost, type SshTarget} from './ssh-host.js';
import {credentials} from './ssh-keys.js';
import {proxy} from './ssh-proxy.js';
import {type KnownKey, onFile} from './ssh-trust.js';
import {TransportError} from './transport.js';

/** sshd begins to drop connections at random when ten are not logged in yet (MaxStartups 10:30:100): fewer at a time to one address, */
const HANDSHAKES = 8;
/** and where other people's connections fill its quota, as many more tries, each later than the one before. */
const RETRIES = 3;
const MAX_JUMPS = 8;

const gates = new Map<string, Gate>();

/**
 * Connects to a host, over its jumps or its proxy command, and logs in.
 * @throws TransportError
 */
export async function connect(target: SshTarget, options: TransportOptions, signal: AbortSignal, depth = 0): Promise<Connection> {
  if (depth > MAX_JUMPS) {
    throw failure('connect', `${printable(target.name)}: more than ${MAX_JUMPS} jumps`, 'Look for a circle of ProxyJump in ssh_config.');
  }
  const host = await resolve(target, options.sshConfig, signal);
  const [{NodeSSH}, {default: ssh2}, known] = await Promise.all([import('node-ssh'), import('ssh2'), knownKeys(host, signal)]);
  const login = await credentials(ssh2, host);
  const hop = host.jump === undefined ? undefined : await connectHop(host.jump, options, signal, depth);
  const there = endpoint(host.hostname, host.port);
  try {
    for (let attempt = 0; ; attempt += 1) {
      const leave = await enter(`${there} ${hop?.via ?? ''}`, signal).catch(() => {
        throw aborted(signal, `waiting to connect to ${there}`);
      });
      let line: Line | undefined;
      try {
        line = hop ? await throughHop(hop, host, signal) : reach(host);
        return await handshake(new NodeSSH(), host, line, known, login, options, signal);
      } catch (error) {
        line?.close();
        if (!(error instanceof Dropped)) throw error;
        if (attempt >= RETRIES || signal.aborted) throw error.failure;
      } finally {
        leave();
      }
      await delay(200 * 2 ** attempt * (1 + Math.random()), undefined, {signal}).catch(() => {
        throw aborted(signal, `connecting to ${there}`);
      });
    }
  } catch (error) {
    hop?.close();
    throw error;
  }
}

function enter(place: string, signal: AbortSignal): Promise<() => void> {
  const handshakes = gates.get(place) ?? gate(HANDSHAKES);
  gates.set(place, handshakes);
  return handshakes.enter(signal);
}

async function knownKeys(host: SshHost, signal: AbortSignal): Promise<readonly KnownKey[]> {
  try {
    return await onFile(host, signal);
  } catch (error) {
    if (signal.aborted) throw aborted(signal, `looking up the host key of ${host.hostname}`);
    throw unverified(host, error);
  }
}

function reach(host: SshHost): Line {
  if (host.proxyCommand !== undefined) {
    const {stream, said, close} = proxy(host.proxyCommand);
    stream.on('error', () => undefined);
    const end = (): void => {
      stream.destroy();
      close();
    };
    return {sock: stream, via: ' via proxy command', said, close: end};
  }
  const {hostname, port, family, bindAddress} = host;
  const sock = connectTcp({host: hostname, port, noDelay: true, ...(family && {family}), ...(bindAddress && {localAddress: bindAddress})});
  // It may fail before ssh2 listens; the handshake asks for that.
  sock.on('error', () => undefined);
  return {sock, close: () => sock.destroy()};
}

/** Each hop is resolved and verified under its own name; the hops before the last belong to the last, as with `ssh -J`. */
async function connectHop(jump: string, options: TransportOptions, signal: AbortSignal, depth: number): Promise<Connection> {
  const hops = jump.split(',');
  const [, user, bracketed, plain, port] = /^(?:(.*)@)?(?:\[(.*)\]|(.*?))(?::(\d+))?$/.exec(hops.pop() ?? '') ?? [];
  const before = hops.join(',');
  const target = {name: bracketed ?? plain ?? '', ...(user && {user}), ...(port && {port: Number(port)}), ...(before && {jump: before})};
  try {
    return await connect(target, options, signal, depth + 1);
  } catch (error) {
    if (!(error instanceof TransportError) || depth > 0) throw error;
    throw new TransportError({...error.failure, message: `jump host: ${error.message}`}, {cause: error});
  }
}

async function throughHop(hop: Connection, host: SshHost, signal: AbortSignal): Promise<Line> {
  const there = endpoint(host.hostname, host.port);
  const sock = await new Promise<Duplex>((done, fail) => {
    const stop = (): void => fail(aborted(signal, `asking ${hop.via} for a way to ${there}`));
    if (signal.aborted) return stop();
    if (hop.lost()) return fail(failure('connect', `jump host ${hop.via} was lost: ${printable(hop.lost()?.message ?? '')}`));
    signal.addEventListener('abort', stop, {once: true});
    // A throw in here (the hop's socket is gone) rejects as well.
    hop.client.forwardOut('127.0.0.1', 0, host.hostname, host.port, (error, channel) => {
      signal.removeEventListener('abort', stop);
      if (error) fail(failure('connect', `jump host ${hop.via} does not get to ${there}: ${printable(error.message)}`, undefined, error));
      else done(channel);
    });
  });
  // Only the connection that is made over it knows when the hop is no longer needed.
  const over = (): void => hop.close();
  return {sock, via: ` via ${hop.via}`, close: () => sock.destroy(), over};
}
