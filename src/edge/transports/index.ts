import type {FlannelPodRecord} from '../../core/flannel/records.js';
import type {KubeClient} from '../sources/kube-client.js';
import {oneLine} from '../ui/escape.js';
import type {DebugPods} from './debug-pods.js';
import {type NodeAddress, type Transport, TransportError, type Via} from './transport.js';

export interface TransportOptions {
  readonly sshConfig?: string;
  readonly sshHostKeys: 'strict' | 'accept-new';
  /** What the ways through the API server need; those ways are shut without it. */
  readonly kube?: KubeReach;
  /** Called for what the user should know: a key that was added, a password prompt that cannot be, another way that was taken. */
  readonly notice: (message: string) => void;
}

export interface KubeReach {
  readonly client: KubeClient;
  /** flannel's own pods, as the records have them. */
  readonly flannelPods: readonly FlannelPodRecord[];
  /** Where flannel's DaemonSets are: there its pod is looked for that the records do not have. */
  readonly namespaces: readonly string[];
  /** Pods that we make; absent when nobody named an image for them. */
  readonly debug?: DebugPods;
}

type Open = (address: NodeAddress, options: TransportOptions, signal: AbortSignal) => Promise<Transport>;

/** A new transport is one file beside this one and one line here; each loads only when a node is reached that way. */
export const transports: {readonly [via in Via]: () => Promise<Open>} = {
  local: async () => (await import('./local.js')).open,
  netns: async () => (await import('./netns.js')).open,
  ssh: async () => (await import('./ssh.js')).open,
  kube: async () => (await import('./kube.js')).open,
  debug: async () => (await import('./debug.js')).open,
};

/** Milliseconds that a way may take to open where there is another one: a dead kubelet must not use up the time of both. */
const TRY_MS = 8000;

/** Which way a node was reached last, in the run that these options stand for: it is tried first from then on, and said once. */
const taken = new WeakMap<TransportOptions, Map<string, Via>>();

/**
 * Opens a node by the first of its ways that works. Nothing has been run when a way fails to open, so the next may be taken whatever it was for.
 * @throws TransportError of the first way, with what the others said, when none works
 */
export async function openTransport(address: NodeAddress, options: TransportOptions, signal: AbortSignal): Promise<Transport> {
  const known = taken.get(options) ?? new Map<string, Via>();
  taken.set(options, known);
  const last = known.get(address.node);
  const given = [address.via, ...(address.otherwise ?? [])];
  const ways = [...new Set([...given.filter((way) => way === last), ...given])];
  const failed: TransportError[] = [];
  for (const [index, via] of ways.entries()) {
    const clock = new AbortController();
    const more = index < ways.length - 1;
    const timer = more ? setTimeout(() => clock.abort(new DOMException('another way is tried', 'TimeoutError')), TRY_MS) : undefined;
    try {
      const open = await transports[via]();
      const transport = await open(address, options, more ? AbortSignal.any([signal, clock.signal]) : signal);
      if (failed.length > 0 && last !== via) {
        const why = oneLine(failed.map((e) => e.message).join('; '));
        options.notice(`${why.startsWith(`${address.node}: `) ? '' : `${address.node}: `}${why}: taking ${transport.via} instead`);
      }
      known.set(address.node, via);
      return transport;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      failed.push(error);
      if (signal.aborted) break;
    } finally {
      clearTimeout(timer);
    }
  }
  const [first, ...others] = failed;
  if (others.length === 0) throw first!;
  const message = `${first!.message}; ${others.map((e) => e.message).join('; ')}`;
  throw new TransportError({...first!.failure, message}, {cause: first!});
}

/**
 * The address with those ways only by which something can be left on a node: a change keeps a journal there, and a timer that acts when we are
 * gone. The kubelet ends every process of a pod with the pod, and its files are not the node's.
 * @throws TransportError when no way is left
 */
export const lasting = (address: NodeAddress): NodeAddress =>
  without(['kube', 'debug'], address, {
    why: 'a change keeps a journal and a timer on the node, and in a pod neither would last: it takes --via ssh',
    hint: 'Changes go by SSH: --via ssh, or --via kube,ssh to read through the API server and to change by SSH.',
  });

/** The address with those ways only by which other pods' namespaces can be entered. @throws TransportError when no way is left */
export const entering = (address: NodeAddress): NodeAddress =>
  without(['kube'], address, {
    why: 'from the flannel pod no other pod can be entered',
    hint: '--via debug --debug-image IMAGE, or --via ssh',
  });

function without(shut: readonly Via[], address: NodeAddress, {why, hint}: {readonly why: string; readonly hint: string}): NodeAddress {
  const [via, ...otherwise] = [address.via, ...(address.otherwise ?? [])].filter((way) => !shut.includes(way));
  if (via !== undefined) return {...address, via, otherwise};
  throw new TransportError({kind: 'connect', message: `${address.node}: ${why}`, hint});
}
