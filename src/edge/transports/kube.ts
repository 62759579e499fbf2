import {flannelPodOf} from '../../core/flannel/records/daemons.js';
import type {FlannelPodRecord} from '../../core/flannel/records.js';
import {KubeError} from '../sources/kube-client.js';
import type {KubeReach, TransportOptions} from './index.js';
import {openSession, type Place, refused, type Session} from './kube-session.js';
import {type NodeAddress, type Transport, TransportError} from './transport.js';

/**
 * Exec in the pod of flannel that runs on the node. It has the node's network and its privileges over it, but an image's programs and files,
 * and sees no other pod's namespace.
 * @throws TransportError
 */
export async function open({node}: NodeAddress, options: TransportOptions, signal: AbortSignal): Promise<Transport> {
  const reach = kubeReach(node, options);
  let pod = podOn(node, reach.flannelPods) ?? (await look(node, reach.namespaces, reach, signal));
  let first: Session | undefined;
  try {
    if (pod) first = await openSession(reach.client, placeOf(pod), signal);
  } catch (error) {
    // Pods come and go: it may have been replaced since they were listed. A login that has expired is renewed by asking.
    const status = error instanceof TransportError && error.cause instanceof KubeError ? error.cause.status : undefined;
    if (status !== 404 && status !== 401) throw error;
    const fresh = await look(node, [pod!.namespace], reach, signal);
    if (fresh === undefined || (fresh.name === pod!.name && status === 404)) throw error;
    pod = fresh;
    first = await openSession(reach.client, placeOf(pod), signal);
  }
  if (pod === undefined || first === undefined) throw absent(node, reach.flannelPods);
  return execTransport(node, placeOf(pod), reach, first);
}

/** What runs scripts in one place, each in an exec of its own; the first is there already. */
export function execTransport(node: string, place: Place, {client}: KubeReach, first: Session): Transport {
  let ready: Session | undefined = first;
  const live = new Set<Session>([first]);
  return {
    node,
    via: place.via,
    ...(place.view && {view: place.view}),
    async run(script, args, {signal}) {
      const kept = ready;
      ready = undefined;
      const session = kept ?? (await openSession(client, place, signal));
      live.add(session);
      try {
        return await session.run(script, args, signal);
      } finally {
        live.delete(session);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const session of live) session.end();
    },
  };
}

/** @throws TransportError when nobody named an API server. */
export function kubeReach(node: string, {kube}: TransportOptions): KubeReach {
  if (kube) return kube;
  throw new TransportError({
    kind: 'connect',
    message: `${node}: there is no API server to exec through`,
    hint: 'Name one with --kubeconfig or --context.',
  });
}

const placeOf = ({namespace, name, container}: FlannelPodRecord): Place => ({
  namespace,
  pod: name,
  container,
  via: `kube ${namespace}/${name}`,
  enter: [],
  view: 'network',
});

const podOn = (node: string, pods: readonly FlannelPodRecord[]): FlannelPodRecord | undefined => {
  const here = pods.filter((pod) => pod.node === node && pod.phase === 'Running' && pod.waiting === undefined && !pod.deleting);
  return here.find((pod) => pod.ready) ?? here[0];
};

/** Asks the API server which pod of flannel is on the node now; undefined when there is none in these namespaces. */
async function look(
  node: string,
  namespaces: readonly string[],
  {client}: KubeReach,
  signal: AbortSignal,
): Promise<FlannelPodRecord | undefined> {
  const query = {fieldSelector: `spec.nodeName=${node}`};
  try {
    for (const namespace of namespaces) {
      const items = await client.list(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`, {query, signal});
      const pod = podOn(
        node,
        items.flatMap((item) => flannelPodOf(item) ?? []),
      );
      if (pod) return pod;
    }
    return undefined;
  } catch (error) {
    if (signal.aborted) throw new TransportError({kind: 'timeout', message: `${node}: timed out looking for its flannel pod`});
    throw refused(error, node, 'looking for its flannel pod');
  }
}

/** Why there is none to exec in. */
function absent(node: string, pods: readonly FlannelPodRecord[]): TransportError {
  const there = pods.find((pod) => pod.node === node);
  const state = there && (there.waiting ?? there.phase);
  const message = there
    ? `${node}: its flannel pod ${there.namespace}/${there.name} does not run (${state})`
    : `${node}: no pod of flannel runs there`;
  return new TransportError({
    kind: 'connect',
    message,
    hint: '--via debug --debug-image IMAGE makes a pod for reading; --via ssh needs none.',
  });
}
