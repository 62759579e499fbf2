import type {ClusterRule} from './rule.js';
import {token} from './token.js';
import {envLines} from './witness.js';

export const etcdLeaseLost: ClusterRule = {
  id: 'etcd-lease-lost',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'Every node that runs a pod subnet has a lease for it in etcd.',
  cause: 'etcd was away for longer than the lease (24 hours), the clock jumped, somebody deleted the key, or flanneld has long ended.',
  effect: 'The other nodes took their rows for it away, and the subnet may be given to another node.',
  remedy: 'Restart flanneld on the node: it takes its old subnet again if that is free; else make its pods anew.',
  restarts: 'node',
  fix: 'no',
  records: ['etcd'],
  *check({members, claims, records}) {
    for (const {name, unrecorded, lease, survey} of members) {
      const subnet = lease?.subnet ?? lease?.ipv6Subnet;
      if (!unrecorded || subnet === undefined || survey.state.failure) continue;
      const holders = new Set([...(claims.route.get(subnet)?.values() ?? [])].flat());
      const lost = members.filter((m) => m.name !== name && m.survey.looksAt.routes && !holders.has(m.name)).map((m) => m.name);
      const key = `${records!.keyPrefix}/subnets/${subnet.replace('/', '-')}`;
      yield {
        node: name,
        ...(lost.length === 0 && {severity: 'warning' as const}),
        subject: subnet,
        message: `${name} runs ${subnet}, and etcd has no lease for it`,
        effect:
          lost.length > 0
            ? `pods of ${lost.join(', ')} cannot reach pods of ${name}`
            : `none while the rows from before stand; nodes that start flannel again or join cannot reach pods of ${name}`,
        evidence: [
          {node: name, command: `etcdctl get ${key}`, lines: ['(no such key)']},
          envLines(name, survey.state.subnetEnv, 'FLANNEL_SUBNET', 'FLANNEL_IPV6_SUBNET'),
        ],
        peers: lost,
        breaks: [token.lease(name)],
      };
    }
  },
};
