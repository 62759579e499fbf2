import {shell} from '../kernel/commands.js';
import type {Cluster, Member} from '../model/cluster.js';

/** Whose flannel has to be started anew for a remedy: that of the node it is found on, or all. */
export type Restarts = 'node' | 'everywhere';

/** How flannel is restarted here, as a sentence to follow a remedy; undefined where nobody knows what runs it. */
export function restartHere(cluster: Cluster, node: string, scope: Restarts): string | undefined {
  if (scope === 'node') {
    const member = cluster.members.find((m) => m.name === node);
    const command = member && commandOn(cluster, member);
    return command === undefined ? undefined : `Restarting it on ${node}: ${command}.`;
  }
  const sets = cluster.records?.daemonSets ?? [];
  if (sets.length > 0)
    return `Restarting it: ${sets.map((set) => shell(['kubectl', '-n', set.namespace, 'rollout', 'restart', 'daemonset', set.name])).join('; ')}.`;
  const nodes = new Map<string, string[]>();
  for (const member of cluster.members) {
    const command = commandOn(cluster, member);
    if (command !== undefined) nodes.set(command, [...(nodes.get(command) ?? []), member.name]);
  }
  if (nodes.size === 0) return undefined;
  return `Restarting it, one node after the other: ${[...nodes].map(([command, on]) => `${command} on ${few(on)}`).join('; ')}.`;
}

/**
 * On one node: its pod deleted, which the DaemonSet makes anew; the unit it is, or is part of, restarted. k3s and MicroK8s: model/flannel-backends.md §8
 * and microk8s-resources/wrappers/run-flanneld-with-args; in a snap the app is restarted, whatever unit that is.
 */
function commandOn({records}: Cluster, {name, record, survey}: Member): string | undefined {
  const pod = records?.flannelPods?.find((p) => p.node === name && p.deleting !== true);
  if (pod) return shell(['kubectl', '-n', pod.namespace, 'delete', 'pod', pod.name]);
  const unit = survey.state.host['flannel_unit'];
  const [, app] = /^snap\.(.+)$/.exec(unit ?? '') ?? [];
  if (app !== undefined) return shell(['snap', 'restart', app]);
  if (unit !== undefined) return shell(['systemctl', 'restart', unit]);
  return record?.distribution === 'k3s' ? 'systemctl restart k3s (on an agent: k3s-agent)' : undefined;
}

const few = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
