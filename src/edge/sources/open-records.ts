import type {Records} from '../../core/flannel/records.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import {namesEtcd, namesKubernetes, type RecordFlags} from '../record-flags.js';
import type {NodeAddress} from '../transports/transport.js';
import {addressesOfRecords} from './addresses.js';
import type {KubeClient} from './kube-client.js';
import type {KubernetesWish} from './kubernetes.js';
import type {RecordFiles} from './record-files.js';

/** Which of the cluster's pods and services are wanted beside flannel's own objects. */
export type RecordWish = Partial<Pick<KubernetesWish, 'pods' | 'services'>>;

export interface OpenedRecords {
  readonly records: Records;
  /** The nodes they list, and how each is reached. */
  readonly addresses: readonly NodeAddress[];
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
 * Reads flannel's records where the flags say they are: in etcd, in the API server, or, where both are named, leases and configuration in
 * etcd, names and pods in the API server.
 * @throws Failure when what the flags say cannot be used; unless they are optional, also when a server refuses, or cannot be reached
 */
export async function openRecords(flags: RecordFlags, options: Options): Promise<OpenedRecords> {
  const etcd = namesEtcd(flags) ? await fromEtcd(flags, options) : undefined;
  if (etcd && !namesKubernetes(flags)) return etcd;
  const kubernetes = await fromKubernetes(flags, options);
  if (!etcd) return kubernetes;
  const {pods, services, from, gaps, nodes} = kubernetes.records;
  const records: Records = {
    ...etcd.records,
    from: `${etcd.records.from} and ${from}`,
    ...(pods && {pods}),
    ...(services && {services}),
    gaps: [...etcd.records.gaps, ...gaps],
  };
  const {filesOfEtcd} = await import('./record-files.js');
  return {
    ...kubernetes,
    addresses: nodes.length > 0 ? kubernetes.addresses : etcd.addresses,
    records,
    files: {...kubernetes.files, ...filesOfEtcd(records)},
  };
}

async function fromEtcd(flags: RecordFlags, {timeoutMs, signal, optional}: Options): Promise<OpenedRecords> {
  const [{openEtcd}, {filesOfEtcd}] = await Promise.all([import('./etcd.js'), import('./record-files.js')]);
  const records = await openEtcd(flags, {timeoutMs, signal}).catch((error: unknown): Records => {
    signal.throwIfAborted();
    if (!optional || !(error instanceof Failure) || error.exit !== ExitCode.incomplete) throw error;
    return unread('etcd', `etcd ${flags['etcd-endpoints']?.join(', ')}`, error);
  });
  return {records, addresses: addressesOfRecords(records), files: filesOfEtcd(records)};
}

async function fromKubernetes(flags: RecordFlags, {timeoutMs, signal, wish, optional}: Options): Promise<OpenedRecords> {
  const [{apiFailure, kubeClient}, {kubernetesRecords}, {filesOfKubernetes}] = await Promise.all([
    import('./kube-client.js'),
    import('./kubernetes.js'),
    import('./record-files.js'),
  ]);
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
    return {records, addresses: addressesOfRecords(records), files: filesOfKubernetes(objects, records, flags), client};
  } catch (error) {
    signal.throwIfAborted();
    const failure = apiFailure(error, "reading flannel's records");
    if (!optional) throw without(failure);
    const records = unread('kubernetes', client.from, failure);
    return {records, addresses: [], files: filesOfKubernetes({}, records, flags), client};
  }
}

/** What works without the server is said where it is missed. */
const without = ({message, exit, hints}: Failure): Failure =>
  new Failure(message, {exit, hints: [...hints, '--inventory FILE or --snapshot FILE|DIR go without it']});

/** Records that could not be read, which is not the same as none: the gap says why. */
const unread = (source: Records['source'], from: string, failure: Failure): Records => ({
  source,
  from,
  nodes: [],
  gaps: [{what: 'records', why: failure.message}],
});
