import type {PodRecord, Records} from '../flannel/records.js';
import type {Cluster} from '../model/cluster.js';
import {type Family, familyOf, type Ip} from '../net/address.js';
import type {Candidate, Endpoint} from './endpoint.js';

/** What a name may mean in Kubernetes: `NS/NAME` is a pod, or a service where there is no such pod; `svc/NS/NAME` a service. */
export interface KubernetesName {
  readonly pod?: string;
  readonly service?: string;
}

/** `web-1` and `10.0.0.1` are no such names; `shop/web-1` and `svc/shop/web` are. */
export function kubernetesName(text: string): KubernetesName {
  const [, kind, name] = /^(?:(svc|service|pod|po)\/)?([^/\s]+\/[^/\s]+)$/.exec(text) ?? [];
  if (name === undefined) return {};
  if (kind === 'svc' || kind === 'service') return {service: name};
  return kind === undefined ? {pod: name, service: name} : {pod: name};
}

const called = (name: string) => (item: {readonly namespace: string; readonly name: string}) => `${item.namespace}/${item.name}` === name;

/**
 * What the API server's records know under this name: a pod on its node with its address, found again among the namespaces that were
 * gathered where it is there; a service by its cluster address. Undefined when they know nothing of it.
 */
export function recordedEnd(cluster: Cluster, pods: readonly Candidate[], text: string): Endpoint | undefined {
  const {records} = cluster;
  if (records === undefined) return undefined;
  const {pod, service} = kubernetesName(text);
  const asPod = pod === undefined ? undefined : records.pods?.find(called(pod));
  if (asPod) return podEnd(cluster, pods, asPod);
  const asService = service === undefined ? undefined : records.services?.find(called(service));
  return asService && {name: `svc/${asService.namespace}/${asService.name}`, kind: 'service', addresses: firstOf(asService.clusterIPs)};
}

/** The same for an address. */
export function recordedAddress(cluster: Cluster, pods: readonly Candidate[], address: Ip): Endpoint | undefined {
  const {records} = cluster;
  const pod = records?.pods?.find((p) => !p.hostNetwork && runs(p) && p.ips.includes(address));
  if (pod) return {...podEnd(cluster, pods, pod), addresses: {[familyOf(address)]: address}};
  const service = records?.services?.find((s) => s.clusterIPs.includes(address));
  return service && {name: `svc/${service.namespace}/${service.name}`, kind: 'service', addresses: {[familyOf(address)]: address}};
}

/** Ended pods keep their address in the records, and another pod may have it by now. */
const runs = ({phase}: PodRecord): boolean => phase !== 'Succeeded' && phase !== 'Failed';

function podEnd(cluster: Cluster, pods: readonly Candidate[], record: PodRecord): Endpoint {
  const name = `${record.namespace}/${record.name}`;
  const {node} = record;
  const on = node === undefined ? {} : {node};
  // A pod in the host's network is the node: its packets leave as the node's own.
  if (record.hostNetwork && cluster.members.some((m) => m.name === node))
    return {name, kind: 'node', ...on, addresses: firstOf(record.ips)};
  const gathered = pods.find((p) => p.node === node && p.addresses.some((a) => record.ips.includes(a)));
  return {name, kind: 'pod', ...on, ...(gathered?.pod !== undefined && {pod: gathered.pod}), addresses: firstOf(record.ips)};
}

/** Why there is nothing to send to, where the records know the name and no address. */
export function addressless(records: Records | undefined, text: string): string | undefined {
  const {pod, service} = kubernetesName(text);
  const asPod = pod === undefined ? undefined : records?.pods?.find(called(pod));
  if (asPod) return asPod.ips.length === 0 ? `pod ${pod} has no address (${asPod.phase})` : undefined;
  const asService = service === undefined ? undefined : records?.services?.find(called(service));
  return asService?.clusterIPs.length === 0 ? `service ${service} has no address of its own: name one of its pods` : undefined;
}

/** What of the records could not be read where this name may stand: then nobody knows that there is none of it. */
export function unread(records: Records | undefined, text: string): string | undefined {
  const {pod, service} = kubernetesName(text);
  const needed = ['records', ...(pod === undefined ? [] : ['pods']), ...(service === undefined ? [] : ['services'])];
  const gap = pod === undefined && service === undefined ? undefined : records?.gaps.find(({what}) => needed.includes(what.split(' ')[0]!));
  return gap && `no ${gap.what} of ${records?.from}: ${gap.why}`;
}

/** The first address of each family. */
function firstOf(ips: readonly Ip[]): {readonly [F in Family]?: Ip} {
  const [v4, v6] = ([4, 6] as const).map((f) => ips.find((a) => familyOf(a) === f));
  return {...(v4 !== undefined && {4: v4}), ...(v6 !== undefined && {6: v6})};
}
