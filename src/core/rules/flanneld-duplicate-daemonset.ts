import type {DaemonSetRecord} from '../flannel/records.js';
import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

export const flanneldDuplicateDaemonset: ClusterRule = {
  id: 'flanneld-duplicate-daemonset',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'One flanneld runs on each node.',
  cause:
    'A manifest that moved (kube-system to kube-flannel, v0.19) or was renamed (-amd64 until v0.12) was applied over the old one, or the distribution brings its own.',
  effect: 'Devices are made anew in turns and annotations flip: connections break without pattern.',
  remedy: 'Delete the older DaemonSet, then restart the pods of the other (kubectl rollout restart).',
  fix: 'no',
  flannels: true,
  records: ['kubernetes', 'daemonSets'],
  *check({members, records}) {
    const daemonSets = records?.daemonSets ?? [];
    const pods = (records?.flannelPods ?? []).filter((p) => p.deleting !== true && p.phase !== 'Succeeded' && p.phase !== 'Failed');
    const reported = new Set<string>();
    for (const [i, one] of daemonSets.entries())
      for (const other of daemonSets.slice(i + 1)) {
        const nodes = nodesOf(one, pods).filter((node) => nodesOf(other, pods).includes(node));
        // Where pods were not listed, two that can run on one node do.
        const meet = records?.flannelPods ? nodes.length > 0 : !apart(one, other);
        const node = nodes.find((n) => members.some((m) => m.name === n)) ?? anyNode({members});
        if (!meet || node === undefined || reported.has(nameOf(other))) continue;
        reported.add(nameOf(other));
        yield {
          node,
          subject: `${nameOf(one)}, ${nameOf(other)}`,
          message: `two DaemonSets run flanneld on ${nodes.length === 0 ? 'the same nodes' : nodes.join(', ')}: ${nameOf(one)} and ${nameOf(other)}`,
          evidence: [one, other].map((set) => ({
            node,
            command: `kubectl -n ${set.namespace} get daemonset ${set.name} -o yaml`,
            lines: [`container ${set.container}: ${set.image}`, ...set.args],
          })),
          peers: nodes.filter((n) => n !== node),
        };
      }
    for (const {name, survey, record} of members) {
      const conf = survey.state.netConf;
      const [set] = daemonSets;
      if (!set || record?.distribution !== 'k3s' || conf === undefined || conf === 'none' || !conf.command.includes('rancher/k3s'))
        continue;
      yield {
        node: name,
        severity: 'warning',
        subject: nameOf(set),
        message: `${name} runs k3s, whose own flannel left its configuration, beside the DaemonSet ${nameOf(set)}`,
        effect: 'if k3s was not started with --flannel-backend=none, two daemons write the same devices',
        evidence: [{node: name, command: conf.command, lines: [`Backend: ${conf.ok ? conf.conf.backendType : '?'}`]}],
      };
    }
  },
};

const nameOf = ({namespace, name}: DaemonSetRecord): string => `${namespace}/${name}`;
const nodesOf = (set: DaemonSetRecord, pods: readonly {namespace: string; daemonSet?: string; node: string}[]): readonly string[] =>
  pods.filter((p) => p.namespace === set.namespace && p.daemonSet === set.name).map((p) => p.node);

/** Their selectors ask for different values of one label, as those for one architecture each do. */
const apart = (a: DaemonSetRecord, b: DaemonSetRecord): boolean =>
  Object.entries(a.nodeSelector).some(([key, value]) => Object.hasOwn(b.nodeSelector, key) && b.nodeSelector[key] !== value);
