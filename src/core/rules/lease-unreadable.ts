import {published} from './published.js';
import type {ClusterRule} from './rule.js';

export const leaseUnreadable: ClusterRule = {
  id: 'lease-unreadable',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'What flannel keeps of each node is what flannel can read.',
  cause: 'Somebody wrote annotations or keys by hand, or another program uses the same names.',
  effect: 'flannel of the other nodes passes the node over, or over what it cannot read.',
  remedy: "Restart flannel on that node, which writes its lease anew; take away what is not flannel's.",
  restarts: 'node',
  fix: 'no',
  flannels: true,
  *check({members}) {
    for (const member of members) {
      const problems = member.record?.lease.problems ?? [];
      const [first] = problems;
      if (first === undefined) continue;
      yield {
        node: member.name,
        subject: 'lease',
        message: `the lease of ${member.name} cannot be read: ${problems.join('; ')}`,
        evidence: published(member, 'backend-type', 'backend-data', 'backend-v6-data', 'public-ip', 'public-ipv6', 'spec.podCIDRs'),
      };
    }
  },
};
