import {type ChildProcess, spawn} from 'node:child_process';
import {createServer, type IncomingMessage} from 'node:http';
import type {AddressInfo} from 'node:net';
import type {Duplex} from 'node:stream';
import {type WebSocket, WebSocketServer} from 'ws';
import type {KubeObject} from '../../src/edge/sources/kube-client.js';

interface Pod {
  readonly metadata: {readonly name: string; readonly namespace: string; readonly labels?: Record<string, string>};
  readonly spec?: {readonly nodeName?: string};
}

/** How an exec is answered; the default starts the command here. */
export interface ExecAnswer {
  /** Words that stand before the command: how to get to the node. */
  readonly enter?: readonly string[];
  /** Instead of an upgrade: HTTP's status and a Status object's message. */
  readonly refuse?: {readonly status: number; readonly message: string; readonly reason?: string};
  /** Upgraded, but the runtime fails: the message on channel 3, as it comes through the API server of v1.30 and later. */
  readonly broken?: string;
  /** The connection is cut after so many bytes of stdout. */
  readonly cutAfter?: number;
  /** Nothing ever comes. */
  readonly hang?: boolean;
  /** Which protocol the other end speaks. */
  readonly protocol?: 'v4.channel.k8s.io' | 'v5.channel.k8s.io';
}

/**
 * As much of an API server as an exec needs: pods that can be made, got, listed and deleted, and the exec itself, whose process has its stdin
 * closed when the connection goes, and is otherwise left running, as containerd does.
 */
export class ExecApi {
  readonly pods = new Map<string, Pod & KubeObject>();
  /** Listings that stay as they are: `/api/v1/nodes`. */
  readonly listings = new Map<string, readonly KubeObject[]>();
  readonly asked: string[] = [];
  readonly children = new Set<ChildProcess>();
  /** What happens to a pod that is made: its status then. */
  born: (pod: Pod) => object = () => ({phase: 'Running', containerStatuses: [{state: {running: {}}}]});
  exec: (pod: string, query: URLSearchParams) => ExecAnswer = () => ({});
  refuseCreate: {status: number; message: string} | undefined;
  readonly #server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      const [code, body] = this.#answer(request, text);
      response.writeHead(code, {'Content-Type': 'application/json'}).end(JSON.stringify(body));
    });
  });
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered].find((one) => one === this.#protocol) ?? false,
  });
  #protocol = 'v5.channel.k8s.io';

  async listen(): Promise<string> {
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(request, socket, head));
    await new Promise<void>((done) => {
      this.#server.listen(0, '127.0.0.1', done);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((done) => {
      this.#server.close(done);
    });
    for (const child of this.children) child.kill('SIGKILL');
  }

  add(name: string, node: string, more: object = {}): void {
    this.pods.set(name, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'kube-flannel',
        labels: {app: 'flannel'},
        ownerReferences: [{kind: 'DaemonSet', name: 'kube-flannel-ds'}],
      },
      spec: {nodeName: node, containers: [{name: 'kube-flannel', command: ['/opt/bin/flanneld']}]},
      status: {phase: 'Running', containerStatuses: [{name: 'kube-flannel', ready: true, restartCount: 0, state: {running: {}}}]},
      ...more,
    } as Pod & KubeObject);
  }

  #answer({method, url}: IncomingMessage, text: string): readonly [number, unknown] {
    const {pathname, searchParams} = new URL(url!, 'http://api');
    this.asked.push(`${method} ${pathname}`);
    const failed = (code: number, message: string, reason = '') =>
      [code, {kind: 'Status', status: 'Failure', code, message, reason}] as const;
    const listing = this.listings.get(pathname);
    if (listing) return [200, {kind: 'List', metadata: {}, items: listing}];
    if (pathname === '/api/v1/pods') return [200, {kind: 'PodList', metadata: {}, items: [...this.pods.values()]}];
    const name = /^\/api\/v1\/namespaces\/[^/]+\/pods(?:\/([^/]+))?$/.exec(pathname);
    if (!name) return failed(404, 'the server could not find the requested resource');
    const own = name[1] === undefined ? undefined : this.pods.get(name[1]);
    if (method === 'POST') {
      if (this.refuseCreate) return failed(this.refuseCreate.status, this.refuseCreate.message, 'Forbidden');
      const pod = JSON.parse(text) as Pod & KubeObject;
      const made = {...pod, status: this.born(pod)};
      this.pods.set(pod.metadata.name, made);
      return [201, made];
    }
    if (name[1] === undefined) {
      const [label, value] = searchParams.get('labelSelector')?.split('=') ?? [];
      const node = searchParams.get('fieldSelector')?.split('=')[1];
      const items = [...this.pods.values()].filter(
        (pod) => (label === undefined || pod.metadata.labels?.[label] === value) && (node === undefined || pod.spec?.nodeName === node),
      );
      return [200, {kind: 'PodList', metadata: {}, items}];
    }
    if (own === undefined) return failed(404, `pods "${name[1]}" not found`, 'NotFound');
    if (method === 'DELETE') this.pods.delete(name[1]);
    return [200, own];
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const {pathname, searchParams} = new URL(request.url!, 'http://api');
    const pod = pathname.split('/')[6]!;
    this.asked.push(`EXEC ${pod}`);
    const answer = this.exec(pod, searchParams);
    const refuse = answer.refuse ?? (this.pods.has(pod) ? undefined : {status: 404, message: `pods "${pod}" not found`});
    if (refuse) {
      const body = JSON.stringify({kind: 'Status', ...refuse});
      socket.end(`HTTP/1.1 ${refuse.status} No\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      return;
    }
    this.#protocol = answer.protocol ?? 'v5.channel.k8s.io';
    this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#serve(ws, searchParams.getAll('command'), answer));
  }

  #serve(ws: WebSocket, command: readonly string[], {enter = [], hang, broken, cutAfter}: ExecAnswer): void {
    const frame = (channel: number, data: Buffer | string) => ws.send(Buffer.concat([Buffer.of(channel), Buffer.from(data)]));
    const end = (status: object) => {
      frame(3, JSON.stringify({metadata: {}, ...status}));
      ws.close();
    };
    if (hang) return;
    if (broken !== undefined) {
      end({status: 'Failure', message: broken, reason: 'InternalError', code: 500});
      return;
    }
    const [program = '', ...args] = [...enter, ...command];
    // A container runtime gives an exec a session of its own.
    const child = spawn(program, args, {detached: true, stdio: 'pipe'});
    this.children.add(child);
    let printed = 0;
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (data: Buffer) => {
      printed += data.length;
      if (cutAfter !== undefined && printed > cutAfter) ws.terminate();
      else frame(1, data);
    });
    child.stderr.on('data', (data: Buffer) => frame(2, data));
    child.on('error', (error) => end({status: 'Failure', message: error.message, reason: 'InternalError'}));
    child.on('close', (code, signal) => {
      this.children.delete(child);
      if (ws.readyState === ws.OPEN) end(statusOf(code, signal));
    });
    ws.on('message', (data: Buffer) => {
      if (data[0] === 0) child.stdin.write(data.subarray(1));
      else if (data[0] === 255 && data[1] === 0) child.stdin.end();
    });
    ws.on('close', () => child.stdin.end());
  }
}

/** As client-go's remotecommand on the kubelet says how a command ended. */
function statusOf(code: number | null, signal: string | null): object {
  if (code === 0) return {status: 'Success'};
  const message = `command terminated with ${signal === null ? 'non-zero exit code' : `signal ${signal}`}`;
  if (signal !== null) return {status: 'Failure', message, reason: 'InternalError'};
  return {status: 'Failure', message, reason: 'NonZeroExitCode', details: {causes: [{reason: 'ExitCode', message: String(code)}]}};
}
