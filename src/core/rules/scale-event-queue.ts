import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

/** What flanneld's queue of Node events holds unless EVENT_QUEUE_DEPTH says otherwise (flannel pkg/subnet/kube/kube.go, v0.18+; a constant before). */
const DEPTH = 5000;

export const scaleEventQueue: ClusterRule = {
  id: 'scale-event-queue',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: "flanneld's queue of events has room for every node of the cluster.",
  cause:
    'The cluster has grown beyond 5000 nodes, or EVENT_QUEUE_DEPTH was set too low: at its start flanneld gets an event for each node at once.',
  effect: 'flanneld does not start ("Node controller sync"), or never hears of some nodes.',
  remedy:
    'Set EVENT_QUEUE_DEPTH in the DaemonSet above the number of nodes, and CONT_WHEN_CACHE_NOT_READY=true (flannel v0.27.1 and later).',
  fix: 'no',
  flannels: true,
  records: ['kubernetes'],
  *check({members, records}) {
    const node = anyNode({members});
    const count = records?.nodes.length ?? 0;
    if (node === undefined) return;
    // k3s runs flanneld in itself, with the environment of its unit, which nobody reads.
    const sets = records?.daemonSets?.length ? records.daemonSets : [undefined];
    for (const set of sets) {
      const stated = set?.env['EVENT_QUEUE_DEPTH'];
      const depth = stated !== undefined && /^\d+$/.test(stated) ? Number(stated) : DEPTH;
      if (count <= depth) continue;
      yield {
        node,
        subject: set === undefined ? 'flanneld' : `${set.namespace}/${set.name}`,
        message: `the cluster has ${count} nodes, and flanneld's queue of events holds ${depth}`,
        evidence: [
          {node, command: 'kubectl get nodes', lines: [`${count} nodes`]},
          ...(set === undefined
            ? []
            : [
                {
                  node,
                  command: `kubectl -n ${set.namespace} get daemonset ${set.name} -o yaml`,
                  lines: [stated === undefined ? '(no EVENT_QUEUE_DEPTH)' : `EVENT_QUEUE_DEPTH: ${stated}`],
                },
              ]),
        ],
      };
    }
  },
};
