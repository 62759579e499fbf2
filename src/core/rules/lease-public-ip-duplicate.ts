import {leaseOf} from '../flannel/lease.js';
import {published} from './published.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';
import {addressLines} from './witness.js';

export const leasePublicIpDuplicate: ClusterRule = {
  id: 'lease-public-ip-duplicate',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'Every node publishes an address of its own.',
  cause:
    'The default route leaves through a NIC that has the same address on every machine (VirtualBox NAT, 10.0.2.15), or a cloned machine.',
  effect: 'Packets for these nodes come back to the sender or reach the wrong one.',
  remedy:
    'Point flannel at the right interface (--iface or --iface-can-reach; k3s: --flannel-iface) and restart it; a clone needs an address of its own.',
  fix: 'no',
  flannels: true,
  *check({members, mode}) {
    const holders = new Map<string, string[]>();
    for (const {name, lease, survey} of members) {
      // A lease that no node is behind is lease-dead-node's.
      if (!lease || survey.state.failure?.kind === 'not-asked') continue;
      for (const family of [4, 6] as const) {
        const publicIP = leaseOf(lease, family)?.publicIP;
        if (publicIP === undefined) continue;
        const held = holders.get(publicIP);
        if (held) held.push(name);
        else holders.set(publicIP, [name]);
      }
    }
    const byName = new Map(members.map((m) => [m.name, m]));
    for (const [address, nodes] of holders) {
      if (nodes.length < 2) continue;
      // WireGuard tells nodes behind one router by their ports: wg-nat-shared-endpoint.
      const theirs = nodes.some((name) => byName.get(name)!.survey.addresses.some((a) => a.address === address));
      if (mode?.encrypts === 'keys' && !theirs) continue;
      const node = nodes.at(-1)!;
      yield {
        node,
        subject: address,
        message: `${nodes.join(' and ')} have the same public address ${address}`,
        effect: `pods of ${nodes.join(', ')} are reached on the wrong node, or not at all`,
        evidence: nodes.flatMap((name) => [
          ...published(byName.get(name)!, 'public-ip', 'public-ipv6'),
          addressLines(byName.get(name)!.survey, (a) => a.address === address),
        ]),
        peers: nodes.filter((name) => name !== node),
        breaks: nodes.flatMap((name) => [token.lease(name), token.mac(name)]),
      };
    }
  },
};
