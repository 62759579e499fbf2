import {randomBytes} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import type {KubeClient, KubeObject} from '../sources/kube-client.js';
import {apiFailure, KubeError} from '../sources/kube-client.js';
import {oneLine} from '../ui/escape.js';
import {debugPod, LABEL, MAKER, podState} from './debug-pod.js';
import {refused} from './kube-session.js';
import {TransportError} from './transport.js';

export interface DebugPodsOptions {
  readonly client: KubeClient;
  readonly image: string;
  readonly namespace: string;
  readonly notice: (message: string) => void;
}

const POLL_MS = 500;

/**
 * The pods that one run of flanctl makes, one a node, kept until `removeAll`. A run that was killed leaves them: the kubelet ends them
 * after an hour, and the next run that makes pods removes what is there of runs that are over.
 */
export class DebugPods {
  readonly namespace: string;
  readonly #options: DebugPodsOptions;
  /** node → the name, once it has been asked for. */
  readonly #made = new Map<string, Promise<string>>();
  #swept: Promise<void> | undefined;
  #over = false;

  constructor(options: DebugPodsOptions) {
    this.#options = options;
    this.namespace = options.namespace;
  }

  /** The name of a pod that runs on the node. @throws TransportError */
  async on(node: string, signal: AbortSignal): Promise<string> {
    if (this.#over) throw new TransportError({kind: 'connect', message: `${node}: interrupted before its pod was made`});
    this.#swept ??= this.#sweep();
    await this.#swept;
    let made = this.#made.get(node);
    if (made === undefined) {
      made = this.#create(node);
      this.#made.set(node, made);
    }
    const name = await made;
    await this.#running(node, name, signal);
    return name;
  }

  /** Deletes every pod that was made, also one whose making is still under way. What cannot be deleted is said. */
  async removeAll(): Promise<void> {
    this.#over = true;
    const made = [...this.#made.values()];
    this.#made.clear();
    await Promise.all(
      made.map(async (making) => {
        const name = await making.catch(() => undefined);
        if (name !== undefined) await this.#remove(name);
      }),
    );
  }

  /** The caller's signal must not cut it: a pod that was asked for has to be known, to be removed. The client's own time limit ends it. */
  async #create(node: string): Promise<string> {
    const {client, image, notice} = this.#options;
    const name = `flanctl-${node
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .slice(0, 40)
      .replace(/^-+|-+$/g, '')}-${randomBytes(4).toString('hex')}`;
    const body = debugPod({name, namespace: this.namespace, node, image, maker: await maker()});
    try {
      await client.call('POST', `/api/v1/namespaces/${this.namespace}/pods`, {body});
    } catch (error) {
      this.#made.delete(node);
      // No answer is no proof that nothing was made.
      if (!(error instanceof KubeError) || error.status === undefined) await this.#remove(name);
      throw refused(error, node, `making a pod in ${this.namespace}`);
    }
    notice(`${node}: made the pod ${this.namespace}/${name}, to be removed at the end`);
    return name;
  }

  async #running(node: string, name: string, signal: AbortSignal): Promise<void> {
    const late = (why: string) =>
      new TransportError({kind: 'timeout', message: `${node}: the pod ${name} did not start in time: ${oneLine(why)}`});
    let why = 'nothing is known of it';
    for (;;) {
      if (signal.aborted) throw late(why);
      const pod = await this.#options.client
        .call('GET', `/api/v1/namespaces/${this.namespace}/pods/${name}`, {signal})
        .catch((error: unknown) => {
          throw signal.aborted ? late(why) : refused(error, node, `looking at the pod ${name}`);
        });
      const state = podState(pod);
      if (state.kind === 'running') return;
      why = state.why;
      if (state.kind === 'lost') {
        this.#made.delete(node);
        await this.#remove(name);
        throw new TransportError({kind: 'connect', message: `${node}: the pod ${name} does not run: ${oneLine(why).slice(0, 300)}`});
      }
      await sleep(POLL_MS, undefined, {signal}).catch(() => undefined);
    }
  }

  async #remove(name: string): Promise<boolean> {
    try {
      await this.#options.client.call('DELETE', `/api/v1/namespaces/${this.namespace}/pods/${name}`, {query: {gracePeriodSeconds: 0}});
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return true;
      const {message} = apiFailure(error, `removing the pod ${this.namespace}/${name}`);
      this.#options.notice(`${oneLine(message)}; remove it yourself: kubectl -n ${this.namespace} delete pod ${name}`);
      return false;
    }
  }

  /** What earlier runs left: pods that have ended, and those of a process of this machine that is gone. Another operator's are left alone. */
  async #sweep(): Promise<void> {
    const {client, notice} = this.#options;
    const found = await client
      .list(`/api/v1/namespaces/${this.namespace}/pods`, {query: {labelSelector: LABEL}})
      .catch((error: unknown) => {
        notice(`${oneLine(apiFailure(error, 'looking for pods that an earlier flanctl left').message)}`);
        return [];
      });
    for (const pod of found) {
      const name = (pod['metadata'] as {name?: string} | undefined)?.name;
      if (name === undefined || !(await isOver(pod))) continue;
      if (await this.#remove(name)) notice(`removed the pod ${this.namespace}/${oneLine(name)} that an earlier flanctl left`);
    }
  }
}

/** This process: `host pid starttime`. */
const maker = async (): Promise<string> => `${hostname()} ${process.pid} ${(await startOf(process.pid)) ?? ''}`;

async function isOver(pod: KubeObject): Promise<boolean> {
  const phase = (pod['status'] as {phase?: string} | undefined)?.phase;
  if (phase === 'Failed' || phase === 'Succeeded') return true;
  const annotations = (pod['metadata'] as {annotations?: Record<string, string>} | undefined)?.annotations;
  const [host, pid = '', started = ''] = (annotations?.[MAKER] ?? '').split(' ');
  return host === hostname() && /^\d+$/.test(pid) && ((await startOf(Number(pid))) ?? '') !== started;
}

/** A process's start in clock ticks (proc_pid_stat(5), field 22); undefined when there is no such process, or no /proc. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
