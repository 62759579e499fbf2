import {partsOf} from './cloud-rows.js';
import {published} from './published.js';
import type {ClusterRule} from './rule.js';

export const cloudPublicipAsNexthop: ClusterRule = {
  id: 'cloud-publicip-as-nexthop',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "With tencent-vpc a node publishes the address that it has in the cloud's network.",
  cause:
    'flanneld was started with --public-ip, or found a public address: tencent-vpc writes what is published into the row as its gateway.',
  effect: 'The row leads to an address that the network does not have: it is refused, or leads nowhere.',
  remedy: 'Take --public-ip away and restart flannel of the node.',
  restarts: 'node',
  fix: 'no',
  modes: ['tencent-vpc'],
  records: ['kubernetes'],
  *check(cluster) {
    for (const {member, node} of partsOf(cluster)) {
      const stated = member.record?.lease.publicIP;
      const internal = (member.record?.addresses ?? []).filter((a) => a.type === 'InternalIP').map((a) => a.address);
      if (stated === undefined || internal.length === 0 || internal.includes(stated)) continue;
      yield {
        node,
        subject: stated,
        message: `${node} publishes ${stated}, but has ${internal.join(', ')} in the cloud's network; flannel writes what is published into the row`,
        evidence: [
          ...published(member, 'public-ip'),
          {node, command: `kubectl get node ${member.record?.name ?? node}`, lines: internal.map((a) => `InternalIP: ${a}`)},
        ],
      };
    }
  },
};
