import type {ClusterRule} from './rule.js';
import {addressLines} from './witness.js';

export const ipv6RouterAdvertAddress: ClusterRule = {
  id: 'ipv6-router-advert-address',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'The IPv6 address a node publishes is not one that expires, where it has one that does not.',
  cause: 'flannel took an address from a router advertisement or DHCPv6 although a static one is on the same device.',
  effect: 'When the prefix changes, the tunnel keeps sending from an address that is gone; flannel does not follow until it restarts.',
  remedy: 'Name the static address (--public-ipv6, or the annotation node-public-ipv6) and restart flannel on the node.',
  restarts: 'node',
  fix: 'no',
  *check({members}) {
    for (const {name, lease, survey} of members) {
      const own = survey.addresses.find((a) => a.address === lease?.publicIPv6);
      if (!own?.dynamic) continue;
      const better = survey.addresses.find((a) => a.dev === own.dev && a.family === 6 && !a.dynamic && a.prefixlen < 128);
      if (!better) continue;
      yield {
        node: name,
        subject: own.address,
        message: `${name} publishes ${own.address}, which expires, although ${own.dev} has the static ${better.address}`,
        evidence: [addressLines(survey, (a) => a.address === own.address || a.address === better.address)],
      };
    }
  },
};
