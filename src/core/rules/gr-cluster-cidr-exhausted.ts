import {mostCommon} from '../model/most-common.js';
import type {Prefix} from '../net/address.js';
import {contains, lengthOf, tryPrefix} from '../net/prefix.js';
import {isGlobalRouter} from './global-router.js';
import type {ClusterRule} from './rule.js';

export const grClusterCidrExhausted: ClusterRule = {
  id: 'gr-cluster-cidr-exhausted',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'A tenth of the container network is left for nodes to come.',
  cause: "The container network divided by the nodes' blocks (64 addresses each, mostly) gives hardly more blocks than there are nodes.",
  effect: 'Soon a new node gets no part, and no pod on it starts.',
  remedy: 'Add a network to the cluster (tke AddClusterCIDR), or take smaller blocks for nodes to come.',
  fix: 'no',
  *check(cluster) {
    if (!isGlobalRouter(cluster)) return;
    const parts = cluster.members.flatMap((m): readonly Prefix[] => {
      const stated = (m.record?.podCIDRs ?? []).find((c) => !c.includes(':'));
      const part = (stated === undefined ? undefined : tryPrefix(stated)) ?? m.lease?.subnet;
      return part === undefined ? [] : [part];
    });
    const node = cluster.members[0]?.name;
    const length = mostCommon(parts.map(lengthOf), String);
    if (node === undefined || length === undefined) return;
    const stated = (cluster.cloud?.tables ?? []).flatMap((t) => (t.cidr === undefined ? [] : [t.cidr]));
    // What the nodes' parts suggest of the network is no more than they fill.
    for (const network of new Set(stated)) {
      const bits = length - lengthOf(network);
      if (network.includes(':') || bits < 1 || bits > 20) continue;
      const routed = (cluster.cloud?.routes ?? []).flatMap((r) => (lengthOf(r.dst) === length ? [r.dst] : []));
      const used = new Set([...parts, ...routed].filter((p) => contains(network, p))).size;
      const blocks = 2 ** bits;
      if (used === 0 || blocks - used >= blocks * 0.1) continue;
      yield {
        node,
        subject: network,
        message: `${used} of the ${blocks} parts of ${network} are given away`,
        evidence: [{node, command: cluster.records?.from ?? 'the nodes’ bridges', lines: [`${parts.length} nodes hold a /${length}`]}],
      };
    }
  },
};
