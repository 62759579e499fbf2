import {keysOfType} from '../flannel/records/backend-data.js';
import type {LeaseRecord} from '../flannel/records.js';
import type {Cluster, Member} from '../model/cluster.js';
import {published} from './published.js';
import type {ClusterRule, Severity} from './rule.js';
import {token} from './token.js';

export const leaseAnnotationMissing: ClusterRule = {
  id: 'lease-annotation-missing',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'Every Node carries the annotations by which flannel of the other nodes learns of it.',
  cause: 'flanneld never finished its start there, may not patch nodes/status, or the Node object was made anew while flanneld went on.',
  effect: 'flannel of the other nodes passes the node over: nobody has a route to its pods.',
  remedy: 'Restart flannel on that node; if the annotations do not come, its log says why (RBAC: patch of nodes/status).',
  restarts: 'node',
  fix: 'no',
  flannels: true,
  records: ['kubernetes'],
  *check(cluster) {
    for (const member of cluster.members) {
      const {name, record, survey} = member;
      const lease = record?.lease;
      if (lease?.managed) {
        // What is there and cannot be read is lease-unreadable's.
        const missing = lease.problems.length > 0 ? [] : missingIn(lease, cluster);
        if (missing.length === 0) continue;
        yield {
          node: name,
          ...judged(cluster, member),
          subject: missing.join(', '),
          message: `the Node ${name} is marked as flannel's, but has no ${missing.join(' and no ')}`,
          evidence: published(member, 'backend-type', 'backend-data', 'backend-v6-data', 'public-ip', 'public-ipv6'),
          breaks: [token.lease(name), token.mac(name)],
        };
        continue;
      }
      // Without a podCIDR it could not come that far.
      if (record ? (record.podCIDRs ?? []).length === 0 : !member.unrecorded || survey.state.failure) continue;
      yield {
        node: name,
        ...judged(cluster, member),
        subject: record ? 'kube-subnet-manager' : 'Node',
        message: record ? `the Node ${name} is not marked as flannel's` : `${name} is no Node of ${cluster.records!.from}`,
        evidence: record
          ? published(member, 'kube-subnet-manager', 'backend-type', 'backend-data', 'public-ip')
          : [{node: name, command: `kubectl get node ${name}`, lines: ['(no such Node)']}],
        breaks: [token.lease(name)],
      };
    }
  },
};

/** Annotations that flannel of the other nodes needs, of the families it uses. */
function missingIn(lease: LeaseRecord, {networks}: Cluster): readonly string[] {
  const uses = (family: 4 | 6) => networks.some((n) => n.includes(':') === (family === 6) && !n.endsWith('/0'));
  const {needs} = keysOfType(lease.backendType);
  return [
    ...(uses(4) && lease.publicIP === undefined ? ['public-ip'] : []),
    ...(uses(4) && needs && lease.backendData?.[needs.key] === undefined ? [`${needs.name} in backend-data`] : []),
    ...(uses(6) && lease.publicIPv6 === undefined ? ['public-ipv6'] : []),
    ...(uses(6) && needs && lease.backendV6Data?.[needs.key] === undefined ? [`${needs.name} in backend-v6-data`] : []),
  ];
}

/** Who lost it already. Rows from before carry on: flanneld passes the node over, and takes nothing away. */
function judged(
  {members, claims}: Cluster,
  {name, lease, survey}: Member,
): {severity?: Severity; effect?: string; peers?: readonly string[]} {
  const subnet = lease?.subnet ?? lease?.ipv6Subnet;
  if (subnet === undefined)
    return survey.looksAt.links ? {severity: 'warning', effect: `pods of ${name} get no network of flannel, if it runs any`} : {};
  const holders = new Set([...(claims.route.get(subnet)?.values() ?? [])].flat());
  const lost = members.filter((m) => m.name !== name && m.survey.looksAt.routes && !holders.has(m.name)).map((m) => m.name);
  return lost.length > 0
    ? {effect: `pods of ${lost.join(', ')} cannot reach pods of ${name}`, peers: lost}
    : {
        severity: 'warning',
        effect: `none while the rows from before stand; nodes that start flannel again or join cannot reach pods of ${name}`,
      };
}
