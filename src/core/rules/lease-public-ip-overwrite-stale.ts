import type {Cluster, Member} from '../model/cluster.js';
import {contains, network} from '../net/prefix.js';
import {published} from './published.js';
import type {ClusterRule} from './rule.js';
import {addressLines} from './witness.js';

export const leasePublicIpOverwriteStale: ClusterRule = {
  id: 'lease-public-ip-overwrite-stale',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'public-ip-overwrite is there only where peers cannot reach the node directly, and flannel has taken it up.',
  cause: 'The annotation stays when a cluster moves to a private network; flannel never takes it away, and reads it at its start only.',
  effect: 'Peers send to the node by way of its external address: a detour through NAT, which may drop it.',
  remedy: 'kubectl annotate node <node> <prefix>public-ip-overwrite- and restart flannel there; to take it up, restart flannel.',
  restarts: 'node',
  fix: 'no',
  flannels: true,
  records: ['kubernetes'],
  *check(cluster) {
    for (const member of cluster.members) {
      const {name, record, survey} = member;
      for (const family of [4, 6] as const) {
        const asked = family === 4 ? record?.lease.publicIPOverwrite : record?.lease.publicIPv6Overwrite;
        const stated = family === 4 ? record?.lease.publicIP : record?.lease.publicIPv6;
        if (asked === undefined || stated === undefined) continue;
        const names = family === 4 ? ['public-ip-overwrite', 'public-ip'] : ['public-ipv6-overwrite', 'public-ipv6'];
        const direct = asked === stated && !survey.addresses.some((a) => a.address === asked) ? linkOf(cluster, member, family) : undefined;
        if (asked === stated && direct === undefined) continue;
        yield {
          node: name,
          subject: asked,
          message:
            direct === undefined
              ? `${name} asks to be published at ${asked}, and is at ${stated}: flannel has not started since`
              : `${name} is published at ${asked}, which it does not have, while its peers are on its own network ${direct}`,
          ...(direct === undefined && {effect: 'none until flannel starts again on the node; peers then send to the other address'}),
          evidence: [...published(member, ...names), addressLines(survey, (a) => a.family === family && a.dev === member.uplink?.name)],
        };
      }
    }
  },
};

/** A network of the node that every other node that was read has an address in too. */
function linkOf({members, mode}: Cluster, {name, survey}: Member, family: 4 | 6): string | undefined {
  const others = members.filter((m) => m.name !== name && m.survey.addresses.length > 0);
  if (others.length === 0) return undefined;
  return survey.addresses
    .filter((a) => a.family === family && a.prefixlen < (family === 4 ? 32 : 128) && mode?.ownsDevice(a.dev) !== true)
    .map((a) => `${network(a.address, a.prefixlen)}/${a.prefixlen}`)
    .find((link) => others.every((m) => m.survey.addresses.some((a) => a.family === family && contains(link, a.address))));
}
