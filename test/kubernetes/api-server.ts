import type {ChildProcess} from 'node:child_process';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {createServer, type Server} from 'node:https';
import type {AddressInfo} from 'node:net';
import type {Duplex} from 'node:stream';
import type {TLSSocket} from 'node:tls';
import {type WebSocket, WebSocketServer} from 'ws';
import {discovery} from './discovery.js';
import {type ExecLine, type ExecTrouble, serveExec, webSocketLine} from './exec.js';
import {jsonPatch, mergePatch, strategicPatch} from './patch.js';
import {type Attributes, allowed, forbidden, type PolicyRule} from './rbac.js';
import {spdyLine} from './spdy.js';
import {apiVersionOf, type Kind, type KubeObject, kindNamed, Refused, Store, type WatchEvent} from './store.js';

/** Who may come in, and what they may do; no rules: everything. */
export interface User {
  readonly name: string;
  readonly token?: string;
  /** A token that is past its time is answered 401. */
  readonly expired?: boolean;
  readonly rules?: readonly PolicyRule[];
}

export interface Asked {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** What a test puts in the way of a request: an answer, silence, or the end of the connection. */
export type Trouble =
  | {readonly status: number; readonly message?: string; readonly reason?: string; readonly headers?: Readonly<Record<string, string>>}
  | 'hang'
  | 'close';

export interface Tls {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  readonly ca: string | Buffer;
}

interface Target {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

const verbs: {readonly [method: string]: string} = {GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete'};

/** The stand-in for an API server: see README.md beside it for what it does and what it does not. */
export class ApiServer implements AsyncDisposable {
  readonly store = new Store();
  readonly users: User[] = [];
  readonly asked: Asked[] = [];
  /** Looked at before every request that names a resource. */
  trouble: (asked: Asked, count: number) => Trouble | undefined = () => undefined;
  /** Starts what an exec asks for; the default says that there is no such container. */
  exec: (pod: KubeObject, container: string | undefined, command: readonly string[]) => ChildProcess | ExecTrouble = (pod) => {
    throw new Refused(400, 'BadRequest', `container not found in pod ${pod.metadata.name}`);
  };
  /** Told after a pod was deleted: a test's controller. */
  onPodDeleted: (pod: KubeObject) => void = () => undefined;
  /** Protocols of exec that it speaks over WebSocket. */
  protocols: readonly string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
  /** What has to be allowed for an exec that comes as a WebSocket: `get` alone before v1.35, then `create` as well. Over SPDY: `create`. */
  execVerbs: readonly string[] = ['get', 'create'];
  readonly #tls: Tls;
  #server: Server | undefined;
  #port = 0;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => this.protocols.find((one) => offered.has(one)) ?? false,
  });
  readonly #spdy = new Set<Duplex>();
  readonly #children = new Set<ChildProcess>();

  constructor(tls: Tls) {
    this.#tls = tls;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Begins to listen, after `stop` at the same port. */
  async start(): Promise<void> {
    const server = createServer({...this.#tls, requestCert: true, rejectUnauthorized: false}, (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => (text += part));
      request.on('end', () => void this.#answer(request, response, text));
    });
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server = server;
    await new Promise<void>((done) => server.listen(this.#port, '127.0.0.1', done));
    this.#port = (server.address() as AddressInfo).port;
  }

  /** The API is down: nobody listens, and what was open is cut. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const ws of this.#sockets.clients) ws.terminate();
    for (const socket of this.#spdy) socket.destroy();
    server?.closeAllConnections();
    if (server) await new Promise((done) => server.close(done));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #user(request: IncomingMessage): User {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const certificate = (request.socket as TLSSocket).authorized
      ? (request.socket as TLSSocket).getPeerCertificate().subject?.CN
      : undefined;
    const user = this.users.find((u) => (token !== undefined ? u.token === token : u.name === certificate));
    if (!user || user.expired) throw new Refused(401, 'Unauthorized', 'Unauthorized');
    return user;
  }

  /** Who asks what; refused as RBAC does. */
  #admit(request: IncomingMessage, target: Target, query: URLSearchParams): Trouble | undefined {
    const user = this.#user(request);
    const {kind, namespace, name, subresource} = target;
    const listing = request.method === 'GET' && name === undefined;
    const watching = /^(1|true)$/.test(query.get('watch') ?? '');
    // A WebSocket is a GET, SPDY a POST.
    const needed =
      subresource === 'exec' && request.method === 'GET'
        ? this.execVerbs
        : [listing ? (watching ? 'watch' : 'list') : verbs[request.method!]!];
    const named = /^metadata\.name=(.+)$/.exec(query.get('fieldSelector') ?? '')?.[1];
    const whatOf = (verb: string): Attributes => ({
      user: user.name,
      verb,
      group: kind.group,
      resource: kind.plural,
      ...(subresource !== undefined && {subresource}),
      ...(namespace !== undefined && {namespace}),
      ...((name ?? named) !== undefined && {name: (name ?? named)!}),
    });
    for (const what of needed.map(whatOf)) {
      this.asked.push(what);
      if (user.rules && !allowed(user.rules, what)) throw new Refused(403, 'Forbidden', forbidden(what));
    }
    return this.trouble(whatOf(needed.at(-1)!), this.asked.length);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
    try {
      const {pathname, searchParams} = new URL(request.url!, this.url);
      if (pathname === '/version') return send(response, 200, {major: '1', minor: '31', gitVersion: 'v1.31.2', platform: 'linux/amd64'});
      const found = discovery(pathname);
      if (found) {
        this.#user(request);
        return send(response, 200, found);
      }
      if (/^\/apis\/authorization\.k8s\.io\/v1\/selfsubjectaccessreviews$/.test(pathname))
        return send(response, 201, this.#review(request, text));
      const target = parse(pathname);
      const trouble = this.#admit(request, target, searchParams);
      if (trouble === 'close') return void request.socket.destroy();
      if (trouble === 'hang') return;
      if (trouble) return fail(response, new Refused(trouble.status, trouble.reason ?? '', trouble.message ?? ''), trouble.headers);
      if (request.method === 'GET' && target.name === undefined && /^(1|true)$/.test(searchParams.get('watch') ?? ''))
        return this.#watch(response, target, searchParams);
      const [code, object] = this.#do(request, target, searchParams, text);
      send(response, code, object);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      fail(response, error);
    }
  }

  #review(request: IncomingMessage, text: string): object {
    const user = this.#user(request);
    const review = JSON.parse(text) as {
      spec: {resourceAttributes?: {verb: string; group?: string; resource: string; subresource?: string}};
    };
    const asked = review.spec.resourceAttributes;
    const ok = !user.rules || (asked !== undefined && allowed(user.rules, {user: user.name, group: '', ...asked}));
    return {...review, status: {allowed: ok}};
  }

  #do(request: IncomingMessage, {kind, namespace, name, subresource}: Target, query: URLSearchParams, text: string): [number, object] {
    if (request.method === 'GET')
      return [200, name === undefined ? this.#list(kind, namespace, query) : this.store.get(kind, namespace, name)];
    if (request.method === 'POST') return [201, this.store.create(kind, namespace, parsed(text) as KubeObject)];
    if (name === undefined) throw new Refused(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
    if (request.method === 'DELETE') {
      const gone = this.store.delete(kind, namespace, name);
      if (kind.plural === 'pods') this.onPodDeleted(gone);
      return [200, gone];
    }
    const old = this.store.get(kind, namespace, name);
    const wish = request.method === 'PUT' ? parsed(text) : patched(old, request.headers['content-type'] ?? '', parsed(text));
    // A write to a subresource changes that part and the metadata, a write to the object leaves it.
    const given = wish as KubeObject;
    const whole =
      subresource === 'status'
        ? {...old, metadata: given.metadata, status: given['status']}
        : kind.subresources?.includes('status')
          ? {...given, status: old['status']}
          : given;
    return [200, this.store.update(kind, namespace, name, whole as KubeObject)];
  }

  #list(kind: Kind, namespace: string | undefined, query: URLSearchParams): object {
    const all = this.store.list(kind, namespace).filter((o) => selected(o, query));
    const limit = Number(query.get('limit') ?? 0);
    const token = query.get('continue');
    const from = token ? Number(Buffer.from(token, 'base64').toString()) : 0;
    if (Number.isNaN(from)) throw new Refused(410, 'Expired', 'The provided continue parameter is too old');
    const items = limit > 0 ? all.slice(from, from + limit) : all;
    const rest = all.length - from - items.length;
    return {
      apiVersion: apiVersionOf(kind),
      kind: `${kind.kind}List`,
      metadata: {
        resourceVersion: this.store.version,
        ...(rest > 0 && {continue: Buffer.from(String(from + limit)).toString('base64'), remainingItemCount: rest}),
      },
      items,
    };
  }

  #watch(response: ServerResponse, {kind, namespace}: Target, query: URLSearchParams): void {
    const since = Number(query.get('resourceVersion') || this.store.version);
    response.writeHead(200, {'Content-Type': 'application/json'});
    const tell = (event: WatchEvent): void => {
      const {object} = event;
      if (event.kind !== kind || event.version <= since || !selected(object, query)) return;
      if (namespace !== undefined && object.metadata.namespace !== namespace) return;
      response.write(`${JSON.stringify({type: event.type, object})}\n`);
    };
    for (const event of this.store.log) tell(event);
    this.store.listeners.add(tell);
    const end = (): void => {
      this.store.listeners.delete(tell);
      response.end();
    };
    response.on('close', end);
    const seconds = Number(query.get('timeoutSeconds') ?? 0);
    if (seconds > 0) setTimeout(end, seconds * 1000).unref();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = ({code, reason, message}: Refused, headers: Readonly<Record<string, string>> = {}): void => {
      const body = JSON.stringify(statusOf(code, reason, message));
      const more = Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`);
      socket.end(
        `HTTP/1.1 ${code} ${reason}\r\nContent-Type: application/json\r\n${more.join('')}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    };
    try {
      const {pathname, searchParams} = new URL(request.url!, this.url);
      const target = parse(pathname);
      const trouble = this.#admit(request, target, searchParams);
      if (trouble === 'close') return void socket.destroy();
      if (trouble === 'hang') return;
      if (trouble) {
        refuse(new Refused(trouble.status, trouble.reason ?? '', trouble.message ?? ''), trouble.headers);
        return;
      }
      if (target.subresource !== 'exec') throw new Refused(400, 'BadRequest', 'nothing to upgrade');
      const pod = this.store.get(target.kind, target.namespace, target.name!);
      if ((pod['status'] as {phase?: string} | undefined)?.phase !== 'Running')
        throw new Refused(400, 'BadRequest', `cannot exec into a container in a pod that is not running`);
      this.#join(
        request,
        socket,
        head,
        searchParams,
        this.exec(pod, searchParams.get('container') ?? undefined, searchParams.getAll('command')),
      );
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refuse(error);
    }
  }

  /** An exec that is allowed, over SPDY or a WebSocket as its client asks. */
  #join(request: IncomingMessage, socket: Duplex, head: Buffer, query: URLSearchParams, what: ChildProcess | ExecTrouble): void {
    const child = 'child' in what ? what.child : 'pid' in what ? what : undefined;
    if (child) this.#children.add(child.once('close', () => this.#children.delete(child)));
    const stdin = query.get('stdin') === 'true';
    const serve = (line: ExecLine): void => serveExec(line, what, stdin);
    if (request.headers.upgrade?.toUpperCase() !== 'SPDY/3.1') {
      this.#sockets.handleUpgrade(request, socket, head, (ws: WebSocket) => serve(webSocketLine(ws)));
      return;
    }
    const protocol = 'v4.channel.k8s.io';
    if (!String(request.headers['x-stream-protocol-version']).split(/, */).includes(protocol))
      throw new Refused(403, 'Forbidden', `no protocol in common: this server speaks ${protocol}`);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
    );
    this.#spdy.add(socket.once('close', () => this.#spdy.delete(socket)));
    serve(spdyLine(socket, head, ['error', ...['stdin', 'stdout', 'stderr'].filter((name) => query.get(name) === 'true')]));
  }
}

/** `/api/v1/namespaces/x/pods/y/exec`, `/apis/apps/v1/daemonsets`. A namespace itself is an object of no namespace. */
function parse(pathname: string): Target {
  const match = /^\/(?:api\/v1|apis\/([^/]+)\/v1)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname);
  if (!match) throw new Refused(404, 'NotFound', 'the server could not find the requested resource');
  const [, group, namespace, plural, name, subresource] = match;
  const kind = kindNamed(plural!, group);
  if (subresource !== undefined && !kind.subresources?.includes(subresource))
    throw new Refused(404, 'NotFound', 'the server could not find the requested resource');
  return {kind, namespace, name: name === undefined ? undefined : decodeURIComponent(name), subresource};
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(400, 'BadRequest', 'the body is not JSON');
  }
}

function patched(old: KubeObject, type: string, patch: unknown): unknown {
  if (type.startsWith('application/strategic-merge-patch+json')) return strategicPatch(old, patch);
  if (type.startsWith('application/merge-patch+json')) return mergePatch(old, patch);
  if (type.startsWith('application/json-patch+json')) return jsonPatch(old, patch);
  throw new Refused(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json`,
  );
}

/** Equality selectors, and `in`-less label selectors: what kubectl and flanctl send. */
function selected(object: KubeObject, query: URLSearchParams): boolean {
  const fields: {readonly [path: string]: unknown} = {
    'metadata.name': object.metadata.name,
    'metadata.namespace': object.metadata.namespace,
    'spec.nodeName': (object['spec'] as {nodeName?: string} | undefined)?.nodeName,
    'status.phase': (object['status'] as {phase?: string} | undefined)?.phase,
  };
  const each = (text: string | null, value: (key: string) => unknown): boolean =>
    (text ?? '')
      .split(',')
      .filter(Boolean)
      .every((term) => {
        const [, key, not, wanted] = /^([^!=]+)(!?)==?(.*)$/.exec(term) ?? [];
        if (key === undefined) return value(term) !== undefined;
        return (value(key) === wanted) === (not === '');
      });
  return each(query.get('fieldSelector'), (key) => fields[key]) && each(query.get('labelSelector'), (key) => object.metadata.labels?.[key]);
}

const statusOf = (code: number, reason: string, message: string): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  reason,
  code,
});

const send = (response: ServerResponse, code: number, body: object): void =>
  void response.writeHead(code, {'Content-Type': 'application/json'}).end(JSON.stringify(body));

const fail = (response: ServerResponse, {code, reason, message}: Refused, headers: Readonly<Record<string, string>> = {}): void =>
  void response.writeHead(code, {'Content-Type': 'application/json', ...headers}).end(JSON.stringify(statusOf(code, reason, message)));
