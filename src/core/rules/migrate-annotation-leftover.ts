import {keysOfType} from '../flannel/records/backend-data.js';
import type {NodeRecord} from '../flannel/records.js';
import type {Cluster} from '../model/cluster.js';
import {published} from './published.js';
import type {ClusterRule} from './rule.js';

export const migrateAnnotationLeftover: ClusterRule = {
  id: 'migrate-annotation-leftover',
  scope: 'cluster',
  stage: 'leftover',
  severity: 'info',
  holds: "A node's annotations are all of the backend it runs.",
  cause: 'The backend or a family was changed: flannel writes over what it uses, and leaves the rest.',
  effect: 'None: flannel of the other nodes does not look at it.',
  remedy: 'kubectl annotate node <node> <annotation>- takes it away.',
  fix: 'no',
  flannels: true,
  records: ['kubernetes'],
  *check(cluster) {
    for (const member of cluster.members) {
      const left = member.record?.lease.managed ? leftoversOf(member.record, cluster) : [];
      if (left.length === 0) continue;
      yield {
        node: member.name,
        subject: left.join(', '),
        message: `${member.name} carries ${left.join(' and ')} of ${left.includes('backend-data') ? 'another backend' : 'a family that flannel does not use'}`,
        evidence: published(member, 'backend-type', ...left),
      };
    }
  },
};

function leftoversOf({lease}: NodeRecord, {netConf}: Cluster): readonly string[] {
  const fits = (data: typeof lease.backendData): boolean =>
    data === undefined || Object.keys(data).every((key) => (keysOfType(lease.backendType).keys as readonly string[]).includes(key));
  const foreign = [
    ...(lease.backendType && !fits(lease.backendData) ? ['backend-data'] : []),
    ...(netConf?.enableIPv6 === false && lease.publicIPv6 !== undefined ? ['public-ipv6'] : []),
    ...(netConf?.enableIPv6 === false && lease.backendV6Data !== undefined ? ['backend-v6-data'] : []),
  ];
  return foreign;
}
