import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

export const etcdConfigUnreadable: ClusterRule = {
  id: 'etcd-config-unreadable',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "flannel's configuration is in etcd, beside its leases.",
  cause:
    'The key was deleted, or written with the other API: flannel reads v2 before v0.18 and only v3 since; etcd 3.4 has v2 switched off.',
  effect: 'flanneld does not start anywhere; where it runs it goes on until its lease ends.',
  remedy: 'Write the key again with the API that this flannel speaks: ETCDCTL_API=3 etcdctl put <prefix>/config \'{"Network": …}\'.',
  fix: 'no',
  records: ['etcd'],
  *check({members, records}) {
    const node = anyNode({members});
    if (records?.netConf || node === undefined) return;
    const key = `${records!.keyPrefix}/config`;
    yield {
      node,
      subject: key,
      message: `${records!.from} has leases of flannel, and no ${key}`,
      evidence: [{node, command: `etcdctl get ${key}`, lines: ['(no such key)']}],
      peers: members.map((m) => m.name).filter((name) => name !== node),
    };
  },
};
