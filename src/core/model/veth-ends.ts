import type {Address} from '../kernel/address.js';
import type {Link} from '../kernel/link.js';
import type {Family, Prefix} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';
import type {NodeState, PodState} from '../node/state.js';
import {mostCommon} from './most-common.js';

/** An address of a pod, its interface there, and the node's end of that. */
export interface VethEnd {
  readonly pod: PodState;
  readonly eth: Link;
  readonly address: Address;
  /** The node's end, where both name each other; indexes repeat from namespace to namespace. */
  readonly host?: Link;
}

/** Every global address of one family in the pods that were gathered. */
export function vethEnds({pods, tables}: Pick<NodeState, 'pods' | 'tables'>, family: Family): readonly VethEnd[] {
  if (pods === undefined || pods.length === 0) return [];
  const byIndex = new Map((tables.link ?? []).flatMap((l) => (l.ifindex === undefined ? [] : [[l.ifindex, l] as const])));
  return pods.flatMap((pod) =>
    (pod.tables.link ?? []).flatMap((eth): readonly VethEnd[] => {
      const found = eth.link_index === undefined ? undefined : byIndex.get(eth.link_index);
      const host = found !== undefined && found.link_index === eth.ifindex ? found : undefined;
      return (pod.tables.address ?? []).flatMap((address) =>
        address.dev === eth.ifname && address.family === family && address.scope === 'global'
          ? [{pod, eth, address, ...(host && {host})}]
          : [],
      );
    }),
  );
}

/** The network that most of them are in by their own masks. Pods that rules lead have an address alone, and say nothing of the kind. */
export const networkOf = (ends: readonly VethEnd[]): Prefix | undefined =>
  mostCommon(
    ends.flatMap(({address: {local, prefixlen, family}, host}) =>
      host !== undefined && prefixlen < (family === 4 ? 32 : 128) ? (tryPrefix(`${local}/${prefixlen}`) ?? []) : [],
    ),
    String,
  );
