import {leaseOf} from '../flannel/lease.js';
import {published} from './published.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';
import {addressLines, envLines} from './witness.js';

export const leaseSubnetChanged: ClusterRule = {
  id: 'lease-subnet-changed',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: "The pod subnet that flannel's records give a node is the one it runs.",
  cause: 'The Node object was made anew with another podCIDR, or the lease in etcd expired and another was taken, while the node went on.',
  effect: 'None while its peers keep the old rows; when flannel starts again anywhere, the pods that run there are cut off.',
  remedy: 'Restart flannel on the node, then make its pods anew, whose addresses are of the old subnet.',
  restarts: 'node',
  fix: 'no',
  flannels: true,
  *check({members, claims}) {
    for (const member of members) {
      const {name, lease, record, survey} = member;
      for (const family of [4, 6] as const) {
        const own = lease && leaseOf(lease, family)?.subnet;
        const stated = family === 4 ? record?.lease.subnet : record?.lease.ipv6Subnet;
        if (own === undefined || stated === undefined || own === stated) continue;
        // Of a subnet that another node runs, the routes lead there.
        const taken = members.some((m) => m.lease?.subnet === stated || m.lease?.ipv6Subnet === stated);
        const holders = taken ? [] : [...new Set([...(claims.route.get(stated)?.values() ?? [])].flat())];
        const followers = holders.filter((n) => n !== name);
        yield {
          node: name,
          ...(followers.length > 0 && {
            severity: 'error' as const,
            effect: `${followers.join(', ')} already ${followers.length === 1 ? 'sends' : 'send'} to ${stated}; pods of ${name} have addresses of ${own}, which flannel gave up`,
          }),
          subject: stated,
          message: `flannel's records give ${name} the pod subnet ${stated}, but it runs ${own}`,
          evidence: [
            ...published(member, 'spec.podCIDRs'),
            envLines(name, survey.state.subnetEnv, family === 4 ? 'FLANNEL_SUBNET' : 'FLANNEL_IPV6_SUBNET'),
            addressLines(survey, (a) => a.family === family && a.dev !== member.uplink?.name),
          ],
          peers: followers,
          breaks: [token.lease(name), token.subnetEnv(name)],
        };
      }
    }
  },
};
