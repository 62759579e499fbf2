import type {Records} from '../../core/flannel/records.js';
import type {RecordFlags} from '../record-flags.js';
import {apiFailure, type KubeClient, kubeClient} from './kube-client.js';
import {type KubernetesWish, kubernetesRecords} from './kubernetes.js';
import {filesOfKubernetes, type RecordFiles} from './record-files.js';

/** Which of the cluster's pods and services are wanted beside flannel's own objects. */
export type RecordWish = Partial<Pick<KubernetesWish, 'pods' | 'services'>>;

export interface OpenedRecords {
  readonly records: Records;
  /** What was read, as a snapshot keeps it. */
  readonly files: RecordFiles;
  /** For what else the API server can do: an exec on a node. */
  readonly client?: KubeClient;
}

interface Options {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly wish: RecordWish;
  /** The nodes are known without them: what cannot be read is then a gap, and not the end. */
  readonly optional: boolean;
}

/**
 * Reads flannel's records where the flags say they are.
 * @throws Failure when the kubeconfig cannot be used; unless they are optional, also when the server refuses, or cannot be reached
 */
export async function openRecords(flags: RecordFlags, {timeoutMs, signal, wish, optional}: Options): Promise<OpenedRecords> {
  const client = await kubeClient({kubeconfig: flags.kubeconfig, context: flags.context, timeoutMs});
  try {
    const {records, objects} = await kubernetesRecords(client, {
      annotationPrefix: flags['annotation-prefix'],
      namespace: flags['flannel-namespace'],
      configMap: flags['flannel-configmap'],
      pods: wish.pods ?? 'flannel',
      services: wish.services ?? 'none',
      signal,
    });
    return {records, files: filesOfKubernetes(objects, records, flags), client};
  } catch (error) {
    signal.throwIfAborted();
    const failure = apiFailure(error, "reading flannel's records");
    if (!optional) throw failure;
    const records: Records = {source: 'kubernetes', from: client.from, nodes: [], gaps: [{what: 'records', why: failure.message}]};
    return {records, files: filesOfKubernetes({}, records, flags), client};
  }
}
