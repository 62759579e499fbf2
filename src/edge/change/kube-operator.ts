import {setTimeout as sleep} from 'node:timers/promises';
import {isDeepStrictEqual} from 'node:util';
import type {KubeOperation} from '../../core/change/operation.js';
import {inverseOf} from '../../core/change/operations/index.js';
import {type KubeClient, KubeError, type KubeObject} from '../sources/kube-client.js';
import {releaseLease} from './kube-lease.js';

interface Meta {
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly annotations?: {readonly [key: string]: string};
  readonly ownerReferences?: readonly {readonly kind: string; readonly name: string}[];
  readonly deletionTimestamp?: string;
}
interface Pod {
  readonly metadata: Meta;
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {readonly ready?: boolean; readonly state?: {readonly waiting?: {readonly reason?: string}}}[];
  };
}
interface ConfigMap {
  readonly metadata: Meta;
  readonly data?: {readonly [key: string]: string};
}

/** Why an operation was not done, and whether there is nothing of it to take back. */
export interface Undone {
  readonly why: string;
  readonly untouched: boolean;
}

export interface OperatorOptions {
  readonly notice: (message: string) => void;
  /** Milliseconds that a pod may take to be ready, and that the API server may be away meanwhile. */
  readonly patienceMs?: number;
  /** Milliseconds that somebody else may take to write a configuration that is waited for. */
  readonly waitMs?: number;
}

/** Does over the API server what a node only writes down. Every operation may be run again: one that was done already is done at once. */
export class KubeOperator {
  readonly #client: KubeClient;
  readonly #notice: (message: string) => void;
  readonly #patienceMs: number;
  readonly #waitMs: number;

  constructor(client: KubeClient, {notice, patienceMs = 180_000, waitMs = 1_800_000}: OperatorOptions) {
    this.#client = client;
    this.#notice = notice;
    this.#patienceMs = patienceMs;
    this.#waitMs = waitMs;
  }

  /** @returns undefined when it is done */
  async run(op: KubeOperation): Promise<Undone | undefined> {
    try {
      const why = op.do === 'config' ? await this.#config(op) : await this.#restart(op);
      // A compare and swap that says no has written nothing.
      return why === undefined ? undefined : {why, untouched: op.do === 'config'};
    } catch (error) {
      if (error instanceof KubeError) return {why: error.message, untouched: false};
      throw error;
    }
  }

  /** @returns why it could not be taken back; undefined when it is. */
  async undo(op: KubeOperation): Promise<string | undefined> {
    for (const back of inverseOf(op)) {
      const undone = back.on === 'kube' ? await this.run(back) : undefined;
      if (undone !== undefined) return undone.why;
    }
    return undefined;
  }

  /** The Lease of a change that is over, whoever of its runs took it. */
  async release(namespace: string, id: string): Promise<void> {
    await releaseLease(this.#client, namespace, id).catch((error: unknown) => {
      if (!(error instanceof KubeError)) throw error;
    });
  }

  async #config(op: Extract<KubeOperation, {do: 'config'}>): Promise<string | undefined> {
    const path = `/api/v1/namespaces/${op.namespace}/configmaps/${op.name}`;
    const where = `${op.key} of ConfigMap ${op.namespace}/${op.name}`;
    const wanted: unknown = JSON.parse(op.to);
    const strangers = op.types[0] === op.types[1] || op.nodes.length === 0 ? [] : await this.#strangers(op);
    if (strangers.length > 0) return `nodes that the plan does not know run ${op.types[1]}: ${strangers.join(', ')}`;
    const until = performance.now() + this.#waitMs;
    let told = false;
    for (let tries = 0; ; tries++) {
      const map = (await this.#patiently(() => this.#client.call('GET', path))) as unknown as ConfigMap;
      const now = map.data?.[op.key];
      if (now === op.to || (op.wait && isDeepStrictEqual(parsed(now), wanted))) return undefined;
      if (op.wait) {
        if (!told) this.#notice(`waiting for ${where} to become: ${JSON.stringify(wanted)}`);
        told = true;
        if (performance.now() > until) return `${where} was not written in ${Math.round(this.#waitMs / 1000)} s`;
        await sleep(1000);
        continue;
      }
      if (now !== op.before) return `${where} is neither what it was nor what it is to be: somebody else has changed it`;
      const body = {metadata: {resourceVersion: map.metadata.resourceVersion}, data: {[op.key]: op.to}};
      try {
        await this.#patiently(() => this.#client.call('PATCH', path, {contentType: 'application/merge-patch+json', body}));
        await this.#record(op);
        return undefined;
      } catch (error) {
        // Somebody wrote to another key of it, perhaps: looked at again, and left alone if it was this one.
        if (!(error instanceof KubeError) || error.status !== 409 || tries >= 5) throw error;
      }
    }
  }

  /** Nodes that came after the plan was made, and run what the cluster is about to leave. */
  async #strangers({nodes, types: [, before]}: Extract<KubeOperation, {do: 'config'}>): Promise<readonly string[]> {
    const list = (await this.#patiently(() => this.#client.list('/api/v1/nodes'))) as unknown as readonly {metadata: Meta}[];
    return list.flatMap(({metadata: {name, annotations = {}}}) => {
      const own = (what: string): string | undefined => Object.entries(annotations).find(([key]) => key.endsWith(what))?.[1];
      return !nodes.includes(name) && own('kube-subnet-manager') === 'true' && own('backend-type')?.toLowerCase() === before ? [name] : [];
    });
  }

  async #restart(op: Extract<KubeOperation, {do: 'restart'}>): Promise<string | undefined> {
    const unwritten = await this.#config(op.config);
    if (unwritten !== undefined) return unwritten;
    const {namespace, daemonSet, node} = op;
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const look = async (): Promise<readonly Pod[]> => {
      const list = (await this.#client.list(pods, {query: {fieldSelector: `spec.nodeName=${node}`}})) as unknown as readonly Pod[];
      return list.filter(({metadata}) => metadata.ownerReferences?.some((o) => o.kind === 'DaemonSet' && o.name === daemonSet));
    };
    const old = await this.#patiently(look);
    const gone = new Set(old.map((p) => p.metadata.uid));
    for (const {metadata} of old) {
      const away = (error: unknown): KubeObject => {
        if (error instanceof KubeError && error.status === 404) return {};
        throw error;
      };
      if (metadata.deletionTimestamp === undefined)
        await this.#patiently(() => this.#client.call('DELETE', `/api/v1/namespaces/${namespace}/pods/${metadata.name}`).catch(away));
    }
    const until = performance.now() + this.#patienceMs;
    let state = 'it has not come back';
    for (;;) {
      const now = (await this.#patiently(look)).filter((p) => !gone.has(p.metadata.uid) && p.metadata.deletionTimestamp === undefined);
      const [fresh] = now;
      const containers = fresh?.status?.containerStatuses ?? [];
      if (fresh) {
        const ready = containers.length > 0 && containers.every((c) => c.ready === true);
        const said = ready ? await this.#annotation(op) : undefined;
        if (ready && (said ?? '').toLowerCase() === op.to) return undefined;
        const waits = containers.flatMap((c) => c.state?.waiting?.reason ?? [])[0];
        state = ready ? `the node says ${said ? `backend ${said}` : 'no backend'}` : (waits ?? fresh.status?.phase ?? 'no status');
      }
      if (performance.now() > until)
        return `the flannel pod of ${node} is not ready with ${op.to} after ${Math.round(this.#patienceMs / 1000)} s: ${state}`;
      await sleep(500);
    }
  }

  async #annotation({node, annotation}: Extract<KubeOperation, {do: 'restart'}>): Promise<string | undefined> {
    // A list of one: who may list nodes need not be allowed to get each.
    const query = {fieldSelector: `metadata.name=${node}`};
    const list = (await this.#patiently(() => this.#client.list('/api/v1/nodes', {query}))) as unknown as readonly {metadata: Meta}[];
    return list[0]?.metadata.annotations?.[annotation];
  }

  /** An API server that is away for a while, as one that is started anew, holds a change up and does not end it. */
  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    const until = performance.now() + this.#patienceMs;
    for (let told = false; ; told = true) {
      try {
        return await call();
      } catch (error) {
        const away = error instanceof KubeError && (error.status === undefined || error.status >= 500);
        if (!away || performance.now() > until) throw error;
        if (!told) this.#notice(`${error.message}: waiting for it`);
        await sleep(1000);
      }
    }
  }

  /** Where others look: an Event on the ConfigMap. Nothing hangs on it. */
  async #record(op: Extract<KubeOperation, {do: 'config'}>): Promise<void> {
    const at = new Date().toISOString().replace(/\.\d+/, '');
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {generateName: 'flanctl-', namespace: op.namespace},
      involvedObject: {apiVersion: 'v1', kind: 'ConfigMap', namespace: op.namespace, name: op.name},
      reason: 'BackendChanged',
      message: `flanctl changed flannel's backend from ${op.types[1]} to ${op.types[0]}`,
      type: 'Normal',
      source: {component: 'flanctl'},
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
    await this.#client.call('POST', `/api/v1/namespaces/${op.namespace}/events`, {body}).catch((error: unknown) => {
      if (!(error instanceof KubeError)) throw error;
      this.#notice(`no Event was written: ${error.message}`);
    });
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
