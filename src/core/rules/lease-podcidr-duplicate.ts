import {isGlobalRouter} from './global-router.js';
import {published} from './published.js';
import {restoreSubnetEnv} from './remedy.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';
import {envLines} from './witness.js';

export const leasePodcidrDuplicate: ClusterRule = {
  id: 'lease-podcidr-duplicate',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'No two nodes hold the same pod subnet.',
  cause: 'A podCIDR patched by hand, a copied subnet.env, lost etcd leases, or a restored virtual machine.',
  effect: 'Two pods get one address; third nodes reach one of the twins, and the twins never reach each other.',
  remedy: 'Give the twin its own subnet again: drain it, delete its Node object and subnet.env, and let it rejoin.',
  fix: 'ask',
  *check(cluster) {
    const {members} = cluster;
    // Without flannel nobody publishes parts: gr-podcidr-duplicate speaks of them.
    if (isGlobalRouter(cluster)) return;
    const holders = new Map<string, Set<string>>();
    for (const {name, lease, survey, record} of members) {
      const env = survey.state.subnetEnv;
      const stated = env === undefined || env === 'none' ? [] : [env.subnet, env.ipv6Subnet];
      for (const subnet of [...stated, lease?.subnet, lease?.ipv6Subnet, record?.lease.subnet, record?.lease.ipv6Subnet]) {
        if (subnet !== undefined) holders.set(subnet, (holders.get(subnet) ?? new Set()).add(name));
      }
    }
    for (const [subnet, names] of holders) {
      if (names.size < 2) continue;
      const nodes = [...names];
      const byName = new Map(members.filter((m) => names.has(m.name)).map((m) => [m.name, m]));
      // The kernel of the rightful owner agrees with its file; a node whose file and kernel part ways only copied the file.
      const real = nodes.filter((node) => {
        const lease = byName.get(node)!.lease;
        return lease === undefined || lease.subnet === subnet || lease.ipv6Subnet === subnet;
      });
      const copied = nodes.filter((node) => !real.includes(node));
      const node = copied[0] ?? nodes.at(-1)!;
      const key = subnet.includes(':') ? 'FLANNEL_IPV6_SUBNET' : 'FLANNEL_SUBNET';
      yield {
        node,
        // A copied file hurts the next pod; two kernels with one subnet hurt every packet.
        ...(real.length < 2 && {
          severity: 'warning' as const,
          effect: `pods that run keep working; new pods of ${copied.join(', ')} fail or get addresses of ${real.join(', ') || 'another node'}`,
        }),
        subject: subnet,
        message: `${nodes.join(' and ')} hold the same pod subnet ${subnet}`,
        evidence: nodes.flatMap((name) => [
          ...published(byName.get(name)!, 'spec.podCIDRs'),
          envLines(name, byName.get(name)!.survey.state.subnetEnv, key),
        ]),
        peers: nodes.filter((name) => name !== node),
        steps: copied.flatMap((name) => restoreSubnetEnv(byName.get(name)!)),
        breaks: [...copied.map(token.subnetEnv), ...(real.length < 2 ? [] : real.flatMap((name) => [token.lease(name), token.mac(name)]))],
      };
    }
  },
};
