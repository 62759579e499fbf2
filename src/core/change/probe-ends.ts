import type {NodeView} from '../model/view.js';
import type {Family, Ip} from '../net/address.js';
import {contains} from '../net/prefix.js';

/** Who sends and answers probes for a node: one of its pods, or its own end of the pods' bridge where it has none. */
export interface ProbeEnd {
  readonly node: string;
  /** As gathered: the name of its namespace. Absent: the node itself, from the address of its bridge. */
  readonly pod?: string;
  readonly addresses: readonly {readonly family: Family; readonly address: Ip}[];
  /** Of the interface that the addresses are on, bytes. */
  readonly mtu: number;
}

/** Two ends, one family, there and back. */
export interface ProbePair {
  readonly from: ProbeEnd;
  readonly to: ProbeEnd;
  readonly family: Family;
  readonly source: Ip;
  readonly target: Ip;
}

/**
 * The end that speaks for a node: the pod that has most families, of those the first by name; without pods, the bridge.
 * Undefined when the node has neither, or neither was read: nothing can be said of its pairs then.
 */
export function probeEnd({name, state, cluster, bridge}: NodeView): ProbeEnd | undefined {
  const networks = cluster.networks.filter((n) => !n.endsWith('/0'));
  // Pods with addresses of the cloud's own networks: whichever they have.
  const any = cluster.mode?.fabric === 'addresses';
  const ends = (tables: NodeView['state']['tables'], pod?: string): readonly ProbeEnd[] =>
    (tables.link ?? []).flatMap((link): ProbeEnd[] => {
      if (!link.flags.includes('UP') || (pod === undefined && link.ifname !== bridge)) return [];
      const held = (tables.address ?? []).filter(
        (a) => a.dev === link.ifname && a.scope === 'global' && ((any && pod !== undefined) || networks.some((n) => contains(n, a.local))),
      );
      const addresses = ([4, 6] as const).flatMap((family) => {
        const first = held.find((a) => a.family === family);
        return first === undefined ? [] : [{family, address: first.local}];
      });
      return addresses.length === 0 ? [] : [{node: name, ...(pod !== undefined && {pod}), addresses, mtu: link.mtu}];
    });
  const pods = (state.pods ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1)).flatMap((pod) => ends(pod.tables, pod.name));
  const own = ends(state.tables);
  return [...pods, ...own].reduce<ProbeEnd | undefined>(
    (best, end) => (best === undefined || end.addresses.length > best.addresses.length ? end : best),
    undefined,
  );
}

/**
 * Every ordered pair of different nodes, in each family that both have. With more than `most` peers a node gets a sample, spread evenly
 * round the list, so that each node also answers `most` others: what is left out is counted, not guessed.
 */
export function probePairs(
  ends: readonly ProbeEnd[],
  most = Number.POSITIVE_INFINITY,
): {readonly pairs: readonly ProbePair[]; readonly left: number} {
  const others = ends.length - 1;
  const count = Math.min(others, most);
  const offsets = Array.from({length: Math.max(count, 0)}, (_, k) => 1 + Math.floor((k * others) / count));
  const pairs = ends.flatMap((from, at) =>
    offsets.flatMap((offset) => {
      const to = ends[(at + offset) % ends.length]!;
      return from.addresses.flatMap(({family, address: source}): ProbePair[] => {
        const target = to.addresses.find((a) => a.family === family)?.address;
        return target === undefined ? [] : [{from, to, family, source, target}];
      });
    }),
  );
  return {pairs, left: ends.length * Math.max(0, others - count)};
}
