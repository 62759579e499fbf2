import type {FlannelPodRecord, Records} from '../flannel/records.js';
import type {Member} from '../model/cluster.js';
import type {ClusterRule, Evidence, Observation} from './rule.js';
import {token} from './token.js';

/** A container that has come to its end this often has a reason to be looked for. */
const MANY = 10;

export const flanneldNotRunning: ClusterRule = {
  id: 'flanneld-not-running',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'A pod of flannel is Ready on every node.',
  cause: 'It crashes at its start, its image cannot be pulled, a taint keeps it away, or it was evicted.',
  effect: 'What is there goes on; nodes and subnets that change meanwhile are not followed.',
  remedy: 'Read its last words: kubectl -n <namespace> logs <pod> -c <container> --previous.',
  fix: 'no',
  flannels: true,
  records: ['kubernetes', 'daemonSets', 'flannelPods'],
  *check({members, records}) {
    if (!records || (records.daemonSets ?? []).length === 0) return;
    const pods = new Map<string, FlannelPodRecord[]>();
    for (const pod of records.flannelPods ?? []) {
      if (pod.deleting === true) continue;
      const held = pods.get(pod.node);
      if (held) held.push(pod);
      else pods.set(pod.node, [pod]);
    }
    for (const member of members) {
      const found = member.record?.name === undefined ? undefined : judge(member, pods.get(member.record.name) ?? [], records);
      if (found) yield {...found, node: member.name};
    }
  },
};

function judge({name, lease, record, survey}: Member, pods: readonly FlannelPodRecord[], records: Records): Observation | undefined {
  // It never ran here: nobody knows the node, and it has no network for pods.
  const never = lease === undefined || (!record!.lease.managed && survey.state.subnetEnv === 'none');
  const [first] = pods;
  if (!first) {
    if (!everywhere(records)) return undefined;
    return {
      ...(never && {severity: 'error' as const, effect: `${name} has no network for pods`}),
      subject: 'flannel',
      message: `no pod of flannel is on ${name}`,
      dependsOn: [token.flanneld(name)],
      evidence: [{node: name, command: 'kubectl get pods -A -o wide', lines: [`(no pod of a DaemonSet that runs flanneld on ${name})`]}],
    };
  }
  const ready = pods.find((p) => p.ready);
  const worst = ready ?? first;
  if (ready && ready.restarts < MANY) return undefined;
  const why = [
    worst.waiting,
    worst.lastEnd === undefined
      ? undefined
      : `last end: ${worst.lastEnd}${worst.exitCode === undefined ? '' : `, exit code ${worst.exitCode}`}`,
  ]
    .filter((w) => w !== undefined)
    .join('; ');
  return {
    ...(ready
      ? {severity: 'info' as const, effect: 'none now'}
      : never
        ? {severity: 'error' as const, effect: `${name} has no network for pods`}
        : {}),
    subject: `${worst.namespace}/${worst.name}`,
    message: ready
      ? `flannel on ${name} started ${worst.restarts} times again${why === '' ? '' : ` (${why})`}`
      : `the pod of flannel on ${name} is not Ready: ${why === '' ? worst.phase : why}${worst.restarts > 0 ? `, ${worst.restarts} restarts` : ''}`,
    evidence: [evidenceOf(name, worst)],
    dependsOn: [token.flanneld(name)],
  };
}

export const evidenceOf = (node: string, pod: FlannelPodRecord): Evidence => ({
  node,
  command: `kubectl -n ${pod.namespace} get pod ${pod.name} -o yaml`,
  lines: [`phase ${pod.phase}, ready ${pod.ready}, restarts ${pod.restarts}`, ...[pod.waiting, pod.lastEnd].filter((w) => w !== undefined)],
});

/** Do the DaemonSets together mean every Linux node? With another selector nobody knows without the labels. */
const everywhere = ({daemonSets}: Records): boolean =>
  (daemonSets ?? []).some((set) => Object.keys(set.nodeSelector).every((key) => key.endsWith('kubernetes.io/os')));
