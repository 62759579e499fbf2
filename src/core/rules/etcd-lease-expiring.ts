import {duration} from './lease-dead-node.js';
import {published} from './published.js';
import type {ClusterRule} from './rule.js';

/** flanneld renews an hour before the end (`--subnet-lease-renew-margin`), and then tries every minute. */
const OVERDUE = 55 * 60;

export const etcdLeaseExpiring: ClusterRule = {
  id: 'etcd-lease-expiring',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'flanneld renews its lease in etcd an hour before it ends.',
  cause: 'flanneld of that node does not run, or does not reach etcd.',
  effect: 'When the lease ends all other nodes take their routes to the node away at once.',
  remedy: 'Start flanneld on the node, or see in its log why it cannot renew.',
  fix: 'no',
  records: ['etcd'],
  *check({members}) {
    for (const member of members) {
      const {name, record, survey} = member;
      const ttl = record?.lease.ttl;
      // Of a node that nobody knows another rule speaks.
      if (ttl === undefined || survey.state.failure?.kind === 'not-asked') continue;
      const subnet = record!.lease.subnet ?? record!.lease.ipv6Subnet ?? name;
      if (ttl === 'none') {
        yield {
          node: name,
          severity: 'info',
          subject: subnet,
          message: `the lease of ${name}, ${subnet}, never expires: it is a reservation`,
          effect: 'none; flanneld from v0.18 on makes a lease of 24 hours of it when it starts next',
          evidence: published(member),
        };
        continue;
      }
      if (ttl > OVERDUE) continue;
      yield {
        node: name,
        ...(ttl === 0 && {severity: 'error' as const}),
        subject: subnet,
        message: `the lease of ${name}, ${subnet}, ${ttl === 0 ? 'has expired' : `expires in ${duration(ttl)}, and flanneld has not renewed it`}`,
        evidence: [...published(member), {node: name, command: 'etcdctl lease timetolive', lines: [`${ttl} s`]}],
      };
    }
  },
};
