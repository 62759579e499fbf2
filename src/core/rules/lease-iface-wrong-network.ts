import {leaseOf} from '../flannel/lease.js';
import type {Member} from '../model/cluster.js';
import type {Family, Prefix} from '../net/address.js';
import {contains, network} from '../net/prefix.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';
import {addressLines} from './witness.js';

export const leaseIfaceWrongNetwork: ClusterRule = {
  id: 'lease-iface-wrong-network',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'A node that has an address in the network the others use publishes that one.',
  cause:
    'flannel took the interface of the default route; k3s --node-ip does not steer it, and an upgrade may drop a canal interface setting.',
  effect: 'Traffic with the node takes a detour through another network, where firewalls or missing routes may drop it.',
  remedy: 'Name the interface (--iface, --iface-regex or --iface-can-reach; k3s: --flannel-iface) and restart flannel on the node.',
  restarts: 'node',
  fix: 'no',
  flannels: true,
  *check({members, mode}) {
    for (const family of [4, 6] as const) {
      const common = commonNetwork(members, family);
      if (common === undefined) continue;
      for (const member of members) {
        const own = member.lease && leaseOf(member.lease, family);
        const overwritten = [member.record?.lease.publicIPOverwrite, member.record?.lease.publicIPv6Overwrite];
        if (!own || contains(common, own.publicIP) || overwritten.includes(own.publicIP)) continue;
        const better = member.survey.addresses.find(
          (a) => a.family === family && contains(common, a.address) && mode?.ownsDevice(a.dev) !== true,
        );
        if (!better) continue;
        yield {
          node: member.name,
          // Plain routes need a shared link; a tunnel may get through by way of a router.
          ...(mode?.gateways === 'link' && {severity: 'error' as const}),
          subject: own.publicIP,
          message: `${member.name} publishes ${own.publicIP}, the others use ${common}, where it has ${better.address} on ${better.dev}`,
          evidence: [addressLines(member.survey, (a) => a.address === own.publicIP || a.address === better.address)],
          breaks: [token.lease(member.name)],
        };
      }
    }
  },
};

/** The on-link network that more than half of the nodes publish an address of, two at least. */
function commonNetwork(members: readonly Member[], family: Family): Prefix | undefined {
  const counts = new Map<Prefix, number>();
  let known = 0;
  for (const {lease, survey} of members) {
    const own = lease && leaseOf(lease, family);
    if (!own) continue;
    known += 1;
    const held = survey.addresses.find((a) => a.address === own.publicIP);
    if (held === undefined || held.prefixlen >= (family === 4 ? 32 : 128)) continue;
    const prefix = `${network(held.address, held.prefixlen)}/${held.prefixlen}`;
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  const [first] = [...counts].toSorted((a, b) => b[1] - a[1]);
  return first !== undefined && first[1] >= 2 && first[1] * 2 > known ? first[0] : undefined;
}
