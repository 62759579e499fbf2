import {partsOf} from './cloud-rows.js';
import type {ClusterRule} from './rule.js';

export const cloudAwsRestartGap: ClusterRule = {
  id: 'cloud-aws-restart-gap',
  scope: 'cluster',
  stage: 'route',
  severity: 'info',
  holds: 'With aws-vpc, flannel is not restarted over and over.',
  cause: 'flannel of aws-vpc deletes its row and writes it again whenever it starts, whether it was right or not.',
  effect: "At each start the node's pods cannot be reached from others for a moment.",
  remedy: 'Find out why it restarts; roll an update one node after the other.',
  fix: 'no',
  modes: ['aws-vpc'],
  records: ['flannelPods'],
  *check(cluster) {
    const names = new Set(partsOf(cluster).map((p) => p.node));
    for (const pod of cluster.records?.flannelPods ?? []) {
      if (pod.restarts === 0 || !names.has(pod.node)) continue;
      yield {
        node: pod.node,
        subject: `${pod.namespace}/${pod.name}`,
        message: `flannel of ${pod.node} was restarted ${pod.restarts} ${pod.restarts === 1 ? 'time' : 'times'}: each start takes the node's row away for a moment`,
        evidence: [{node: pod.node, command: `kubectl -n ${pod.namespace} get pod ${pod.name}`, lines: [`restarts: ${pod.restarts}`]}],
      };
    }
  },
};
