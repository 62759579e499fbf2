import {published} from './published.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';

export const wgNatSharedEndpoint: ClusterRule = {
  id: 'wg-nat-shared-endpoint',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'No two nodes are reached at one address and one WireGuard port.',
  cause: 'Nodes behind one NAT publish its address, and all listen on the same port: the router can forward it to one of them only.',
  effect: 'From outside one of these nodes is reached, a random one; the others only after they sent something themselves.',
  remedy:
    'Give each node a ListenPort of its own and have the router forward it; or let these nodes keep their tunnels alive (PersistentKeepaliveInterval).',
  fix: 'no',
  modes: ['wireguard'],
  *check({members, settings}) {
    const at = new Map<string, string[]>();
    for (const {name, lease} of members) {
      if (lease === undefined) continue;
      for (const [address, port] of [
        [lease.publicIP, lease.wgPort ?? settings?.listenPort],
        [lease.publicIPv6, lease.wgPortV6 ?? settings?.listenPortV6],
      ] as const) {
        if (address === undefined || port === undefined) continue;
        const endpoint = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
        at.set(endpoint, [...(at.get(endpoint) ?? []), name]);
      }
    }
    for (const [endpoint, [first, ...rest]] of at) {
      if (first === undefined || rest.length === 0) continue;
      yield {
        node: first,
        subject: endpoint,
        message: `${[first, ...rest].join(', ')} are all reached at ${endpoint}`,
        evidence: members.flatMap((m) => {
          if (m.name !== first && !rest.includes(m.name)) return [];
          const said = published(m, 'public-ip', 'public-ip-overwrite', 'backend-data');
          return said.length > 0 ? said : [{node: m.name, command: 'what its lease says', lines: [endpoint]}];
        }),
        peers: rest,
        breaks: [first, ...rest].map(token.lease),
      };
    }
  },
};
