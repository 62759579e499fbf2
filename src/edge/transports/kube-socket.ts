import type {IncomingMessage} from 'node:http';
import type {RequestOptions} from 'node:https';
import type {WebSocket} from 'ws';
import {type KubeClient, KubeError} from '../sources/kube-client.js';
import {askedOf} from '../sources/kube-request.js';

export interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** One exec: what it prints and how it ends arrive by the handlers, in the order of the wire. */
export interface ExecSocket {
  /** To its stdin, which is never closed but by `end`. */
  send(text: string): void;
  /** Drops the connection, the other side's stdin with it. */
  end(): void;
}

export interface ExecHandlers {
  readonly stdout: (chunk: Buffer) => void;
  readonly stderr: (chunk: Buffer) => void;
  /** Exactly once, and last: a Status object, or undefined when the connection went before there was one. */
  readonly over: (status: ExecStatus | undefined) => void;
}

/** metav1.Status, as channel 3 carries it at the end. */
export interface ExecStatus {
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {readonly causes?: readonly {readonly reason?: string; readonly message?: string}[]};
}

/** v5 differs from v4 in that a channel can be closed, which we never do. Older ones end without a Status object. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** What a frame of stdin may hold: kubectl writes no more at a time. */
const FRAME = 16_384;
const PING_MS = 20_000;
/** Between the status and the server's closing, for what is still on its way. */
const CLOSING_MS = 1000;

/**
 * Opens an exec as kubectl does, over a WebSocket. The client library makes the TLS and the login; its own Exec is not used because it closes
 * the connection to close stdin, drops what the server says when it refuses, and closes our own stdout when a server tells it to.
 * @throws KubeError when it is refused, or the server cannot be reached; the signal's reason
 */
export async function openExec(
  client: KubeClient,
  {namespace, pod, container}: ExecTarget,
  command: readonly string[],
  handlers: ExecHandlers,
  signal: AbortSignal,
): Promise<ExecSocket> {
  const {WebSocket} = await import('ws');
  const query = new URLSearchParams({container, stdin: 'true', stdout: 'true', stderr: 'true', tty: 'false'});
  for (const word of command) query.append('command', word);
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec`;
  const how: RequestOptions = {headers: {'User-Agent': 'flanctl'}};
  await client.config.applyToHTTPSOptions(how);
  signal.throwIfAborted();
  const {server} = client;
  const asked = askedOf('POST', path);
  const url = `${server.replace(/^http/, 'ws').replace(/\/$/, '')}${path}?${query}`;
  const socket = new WebSocket(url, PROTOCOLS, {...(how as object), perMessageDeflate: false});
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason);
      socket.terminate();
    };
    signal.addEventListener('abort', stop, {once: true});
    socket.on('error', (error: NodeJS.ErrnoException) =>
      reject(new KubeError(error.message, {server, asked, ...(error.code !== undefined && {code: error.code}), cause: error})),
    );
    socket.on('unexpected-response', (_request, response) => {
      void refusal(response).then(({message, reason}) => {
        const status = response.statusCode ?? 0;
        reject(new KubeError(message, {server, asked, status, ...(reason !== undefined && {reason})}));
        socket.terminate();
      });
    });
    socket.on('open', () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    listen(socket, handlers);
  });
  const ping = setInterval(() => socket.ping(), PING_MS);
  socket.on('close', () => clearInterval(ping));
  return {
    send(text) {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += FRAME) socket.send(Buffer.concat([Buffer.of(0), bytes.subarray(at, at + FRAME)]));
    },
    end: () => socket.terminate(),
  };
}

function listen(socket: WebSocket, {stdout, stderr, over}: ExecHandlers): void {
  let status: ExecStatus | undefined;
  socket.on('message', (data: Buffer) => {
    const rest = data.subarray(1);
    if (data[0] === 1) stdout(rest);
    else if (data[0] === 2) stderr(rest);
    else if (data[0] === 3) {
      status = readStatus(rest.toString());
      const late = setTimeout(() => socket.terminate(), CLOSING_MS);
      socket.once('close', () => clearTimeout(late));
      socket.close();
    }
  });
  socket.on('close', () => over(status));
}

function readStatus(text: string): ExecStatus {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as ExecStatus;
  } catch {
    // Said in its own words below.
  }
  return {status: 'Failure', message: text};
}

/** A refusal has a Status object as its body, or a proxy's page. */
async function refusal(response: IncomingMessage): Promise<{message: string; reason?: string}> {
  let text = '';
  try {
    for await (const part of response) if (text.length < 65_536) text += String(part);
  } catch {
    // What came is what there is.
  }
  const {message, reason} = readStatus(text) as {message?: unknown; reason?: unknown};
  return {
    message: typeof message === 'string' && message !== '' ? message.split('\n')[0]! : `HTTP ${response.statusCode}`,
    ...(typeof reason === 'string' && {reason}),
  };
}
