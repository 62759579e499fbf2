import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

/** Mebibytes: what manifests until 2022 allowed. */
const TOO_LITTLE = 50;

export const flanneldOom: ClusterRule = {
  id: 'flanneld-oom',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'flanneld has the memory that it and the iptables it starts need.',
  cause: 'Old manifests limit it to 50 MiB, in which iptables with many rules runs too.',
  effect: 'flanneld is killed and starts again and again; what changes meanwhile is not followed.',
  remedy: 'Take the memory limit out of the DaemonSet, as upstream did, or raise it.',
  fix: 'no',
  flannels: true,
  records: ['kubernetes'],
  *check({members, records}) {
    const known = new Map(members.flatMap((m) => (m.record?.name === undefined ? [] : [[m.record.name, m.name] as const])));
    for (const pod of records?.flannelPods ?? []) {
      const node = known.get(pod.node);
      if (pod.lastEnd !== 'OOMKilled' || node === undefined) continue;
      yield {
        node,
        subject: `${pod.namespace}/${pod.name}`,
        message: `flannel on ${node} was killed for want of memory, ${pod.restarts} ${pod.restarts === 1 ? 'restart' : 'restarts'}`,
        evidence: [{node, command: `kubectl -n ${pod.namespace} get pod ${pod.name} -o yaml`, lines: ['lastState: OOMKilled']}],
      };
    }
    const node = anyNode({members});
    for (const set of records?.daemonSets ?? []) {
      const limit = mebibytes(set.memoryLimit);
      if (limit === undefined || limit > TOO_LITTLE || node === undefined) continue;
      yield {
        node,
        severity: 'info',
        subject: `${set.namespace}/${set.name}`,
        message: `the DaemonSet ${set.namespace}/${set.name} allows flanneld ${set.memoryLimit} of memory`,
        effect: 'none until there are many iptables rules',
        evidence: [
          {node, command: `kubectl -n ${set.namespace} get daemonset ${set.name} -o yaml`, lines: [`limits.memory: ${set.memoryLimit}`]},
        ],
      };
    }
  },
};

const units: {readonly [unit: string]: number} = {'': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30};

/** A quantity of Kubernetes; undefined when it is none that we know. */
function mebibytes(quantity: string | undefined): number | undefined {
  const match = /^(\d+)(k|M|G|Ki|Mi|Gi)?$/.exec(quantity ?? '');
  return match ? (Number(match[1]) * units[match[2] ?? '']!) / 2 ** 20 : undefined;
}
