import type {Address} from '../kernel/address.js';
import type {Link} from '../kernel/link.js';
import type {NodeState, PodState} from './state.js';

/** A pod's interface with its global addresses, and the node's end where both name each other. */
export interface PodEnd {
  readonly pod: PodState;
  readonly eth: Link;
  readonly addresses: readonly Address[];
  readonly host?: Link;
}

/** The end of a veth that another namespace holds: by its kind, and where that was not printed by its `@if3`. */
export const isVethEnd = (link: Link): boolean =>
  link.kind === 'veth' || (link.kind === undefined && (link.link_index !== undefined || podLike.test(link.ifname)));

/** Names that CNI plugins give to pods' veths. */
export const podLike = /^(eni|cali|lxc|azv|veth)[0-9a-f]{5,}/i;

const known = new WeakMap<object, readonly PodEnd[]>();

/** Every interface of the pods that were gathered, but lo. */
export function podEnds(state: Pick<NodeState, 'pods' | 'tables'>): readonly PodEnd[] {
  let made = known.get(state);
  if (made === undefined) {
    made = find(state);
    known.set(state, made);
  }
  return made;
}

function find({pods, tables}: Pick<NodeState, 'pods' | 'tables'>): readonly PodEnd[] {
  if (pods === undefined || pods.length === 0) return [];
  const byIndex = new Map((tables.link ?? []).flatMap((l) => (l.ifindex === undefined || !isVethEnd(l) ? [] : [[l.ifindex, l] as const])));
  return pods.flatMap((pod) =>
    (pod.tables.link ?? []).flatMap((eth): PodEnd[] => {
      if (eth.ifname === 'lo') return [];
      const found = eth.link_index === undefined || !isVethEnd(eth) ? undefined : byIndex.get(eth.link_index);
      // Indexes repeat from namespace to namespace: only a pair that names each other is a pair.
      const host = found?.link_index === eth.ifindex ? found : undefined;
      const addresses = (pod.tables.address ?? []).filter((a) => a.dev === eth.ifname && a.scope === 'global');
      return [{pod, eth, addresses, ...(host && {host})}];
    }),
  );
}
