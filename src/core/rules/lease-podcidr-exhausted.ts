import {mostCommon} from '../model/most-common.js';
import type {Prefix} from '../net/address.js';
import {contains, lengthOf} from '../net/prefix.js';
import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

export const leasePodcidrExhausted: ClusterRule = {
  id: 'lease-podcidr-exhausted',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'There are pod subnets left for new nodes.',
  cause: "The pod network divided by the nodes' mask gives fewer blocks than there are nodes; IPv6 with its wide masks comes to it first.",
  effect: 'The next node gets no podCIDR, and flanneld does not start on it.',
  remedy: 'A larger cluster CIDR, or a longer --node-cidr-mask-size for nodes to come; nodes that have a block keep it.',
  fix: 'no',
  flannels: true,
  records: ['kubernetes'],
  *check({members, networks, records}) {
    const node = anyNode({members});
    if (node === undefined) return;
    for (const network of networks) {
      const held = members.flatMap((m) =>
        [m.record?.lease.subnet, m.record?.lease.ipv6Subnet].filter((s): s is Prefix => s !== undefined && contains(network, s)),
      );
      const length = mostCommon(held.map(lengthOf), String);
      if (length === undefined || length - lengthOf(network) > 30) continue;
      const blocks = 2 ** (length - lengthOf(network));
      const used = new Set(held).size;
      if (used < blocks * 0.8) continue;
      const without = members.filter((m) => m.record && (m.record.podCIDRs ?? []).length === 0).map((m) => m.name);
      yield {
        node,
        ...(used >= blocks &&
          without.length > 0 && {
            severity: 'error' as const,
            effect: `${without.join(', ')} ${without.length === 1 ? 'has no podCIDR, and gets none' : 'have no podCIDR, and get none'}`,
          }),
        subject: network,
        message: `${used} of the ${blocks} pod subnets of ${network} are given away`,
        evidence: [{node, command: records!.from, lines: [`${used} Nodes hold a /${length} of ${network}`]}],
        peers: without,
      };
    }
  },
};
