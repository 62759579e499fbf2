import type {Cluster} from '../../core/model/cluster.js';
import {compare} from '../../core/rules/fold.js';
import type {ClusterSummary} from './documents.js';

/** The model as every report carries it. */
export function clusterSummary(cluster: Cluster, from: string, pods: ReadonlyMap<string, number>): ClusterSummary {
  return {
    source: cluster.source,
    from,
    mode: cluster.mode?.type ?? null,
    configuredBy: cluster.configuredBy,
    ...(cluster.configuredFrom !== undefined && {configuredFrom: cluster.configuredFrom}),
    settings: cluster.settings ? {...cluster.settings} : null,
    networks: cluster.networks,
    problems: cluster.problems,
    nodes: cluster.members
      .map(({name, survey, lease, uplink, mode}) => ({
        name,
        via: survey.state.via,
        state: !survey.state.failure
          ? ('read' as const)
          : survey.looksAt.links || survey.looksAt.routes
            ? ('partly' as const)
            : ('unreadable' as const),
        mode: mode?.type ?? null,
        subnet: lease?.subnet ?? null,
        ipv6Subnet: lease?.ipv6Subnet ?? null,
        publicIP: lease?.publicIP ?? null,
        publicIPv6: lease?.publicIPv6 ?? null,
        vtepMAC: lease?.vtepMAC ?? null,
        uplink: uplink?.name ?? null,
        mtu: uplink?.mtu ?? null,
        pods: pods.get(name) ?? null,
        kernel: survey.state.host['kernel'] ?? null,
      }))
      .toSorted((a, b) => compare(a.name, b.name)),
  };
}
