import type {PodRecord, Records} from '../flannel/records.js';
import type {NodeView} from '../model/view.js';
import type {Ip} from '../net/address.js';
import type {Evidence} from './rule.js';

interface Index {
  readonly byNode: ReadonlyMap<string, readonly PodRecord[]>;
  readonly byIp: ReadonlyMap<Ip, readonly PodRecord[]>;
}

const indexes = new WeakMap<Records, Index>();

/** Pods that have an address of their own now, made once for all nodes. */
function indexOf(records: Records): Index {
  const known = indexes.get(records);
  if (known) return known;
  const [byNode, byIp] = [new Map<string, PodRecord[]>(), new Map<Ip, PodRecord[]>()];
  const add = (map: Map<string, PodRecord[]>, key: string, pod: PodRecord): void => {
    const held = map.get(key);
    if (held) held.push(pod);
    else map.set(key, [pod]);
  };
  for (const pod of records.pods ?? []) {
    if (pod.hostNetwork || pod.phase !== 'Running' || pod.node === undefined) continue;
    add(byNode, pod.node, pod);
    for (const ip of pod.ips) add(byIp, ip, pod);
  }
  const made = {byNode, byIp};
  indexes.set(records, made);
  return made;
}

/** The pods that the API server has on this node, without those on the node's own network. */
export const podsOf = ({cluster: {records}, member, name}: NodeView): readonly PodRecord[] =>
  records === undefined ? [] : (indexOf(records).byNode.get(member.record?.name ?? name) ?? []);

/** The pods that the API server gives this address, on any node. */
export const podsAt = ({cluster: {records}}: NodeView, ip: Ip): readonly PodRecord[] =>
  records === undefined ? [] : (indexOf(records).byIp.get(ip) ?? []);

export const podNamed = ({namespace, name}: PodRecord): string => `${namespace}/${name}`;

export const podEvidence = (node: string, ...pods: readonly PodRecord[]): Evidence => ({
  node,
  command: 'kubectl get pods -A -o wide',
  lines: pods.map((pod) => `${podNamed(pod)} ${pod.ips.join(', ')} ${pod.node ?? ''}`),
});
