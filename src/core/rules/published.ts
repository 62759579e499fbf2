import {shell} from '../kernel/commands.js';
import type {Cluster, Member} from '../model/cluster.js';
import type {Evidence} from './rule.js';

/**
 * What flannel's records say of a member, as evidence. `names` are those of annotations without their prefix (`public-ip`) and of fields of
 * the Node (`spec.podCIDRs`); a key of etcd is quoted whole.
 */
export function published({name: node, record}: Member, ...names: readonly string[]): readonly Evidence[] {
  if (!record) return [];
  if (record.name === undefined)
    return Object.entries(record.lease.raw).map(([key, value]) => ({node, command: shell(['etcdctl', 'get', key]), lines: [value]}));
  const lines = names.flatMap((name) =>
    name === 'spec.podCIDRs'
      ? [`spec.podCIDRs: ${record.podCIDRs?.join(', ') || '(none)'}`]
      : Object.entries(record.lease.raw)
          .filter(([key]) => key.endsWith(name) && /[/-]$/.test(key.slice(0, -name.length)))
          .map(([key, value]) => `${key}: ${value}`),
  );
  const command = shell(['kubectl', 'get', 'node', record.name, '-o', 'yaml']);
  return [{node, command, lines: lines.length > 0 ? lines : names.map((name) => `(no ${name})`)}];
}

/** The node that a finding about the cluster's records is hung on: the first that was read, else the first. */
export const anyNode = ({members}: Pick<Cluster, 'members'>): string | undefined =>
  (members.find((m) => m.survey.looksAt.links) ?? members[0])?.name;
