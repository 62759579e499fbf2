import type {ClusterRule} from './rule.js';

const taint = 'node.kubernetes.io/network-unavailable';

export const nodeNetworkUnavailable: ClusterRule = {
  id: 'node-network-unavailable',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'No Node where flannel runs is marked as being without a network.',
  cause:
    'A cloud controller that configures routes sets NetworkUnavailable again and again, or flanneld runs with --set-node-network-unavailable=false.',
  effect: 'Pods are not scheduled on the node; those that run are not concerned.',
  remedy: 'Run the cloud controller with --configure-cloud-routes=false where flannel carries the packets.',
  fix: 'no',
  flannels: true,
  records: ['kubernetes'],
  *check({members}) {
    for (const {name, record} of members) {
      if (!record?.lease.managed) continue;
      const condition = record.networkUnavailable;
      const tainted = (record.taints ?? []).some((t) => t.startsWith(taint));
      if (condition?.status !== 'True' && !(tainted && condition === undefined)) continue;
      yield {
        node: name,
        subject: condition?.reason || taint,
        message:
          condition?.status === 'True'
            ? `the Node ${name} says NetworkUnavailable${condition.reason === '' ? '' : ` (${condition.reason})`}, and flannel has its lease`
            : `the Node ${name} has the taint ${taint}, and nothing that takes it away`,
        evidence: [
          {
            node: name,
            command: `kubectl get node ${record.name ?? name} -o yaml`,
            lines: [
              ...(condition ? [`NetworkUnavailable: ${condition.status}, ${condition.reason}`] : ['(no condition NetworkUnavailable)']),
              ...(record.taints ?? []).filter((t) => t.startsWith(taint)),
            ],
          },
        ],
      };
    }
  },
};
