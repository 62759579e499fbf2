import type {Prefix} from '../net/address.js';
import {contains, lengthOf, partsOf} from '../net/prefix.js';
import {published} from './published.js';
import {restoreSubnetEnv} from './remedy.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';
import {envLines} from './witness.js';

interface Holder {
  readonly name: string;
  readonly subnet: Prefix;
}

export const leasePodcidrOverlap: ClusterRule = {
  id: 'lease-podcidr-overlap',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "No node's pod subnet lies inside another node's.",
  cause: 'A node was given the whole cluster CIDR by hand, or the mask size changed on a live cluster.',
  effect: 'The longer prefix wins everywhere: addresses of the larger block that fall into it are reached on the wrong node.',
  remedy: 'Give the node with the larger block a proper one: drain it, delete its Node object and subnet.env, and let it rejoin.',
  fix: 'ask',
  *check({members}) {
    const byName = new Map(members.map((m) => [m.name, m]));
    const holders = members.flatMap(({name, lease, survey, record}): Holder[] => {
      const env = survey.state.subnetEnv;
      const stated = env === undefined || env === 'none' ? [] : [env.subnet, env.ipv6Subnet];
      return [...new Set([...stated, lease?.subnet, lease?.ipv6Subnet, record?.lease.subnet, record?.lease.ipv6Subnet])].flatMap(
        (subnet) => (subnet === undefined ? [] : [{name, subnet}]),
      );
    });
    for (const [outer, inner] of nested(holders)) {
      if (outer.name === inner.name) continue;
      const member = byName.get(outer.name)!;
      const onlyFile = [outer, inner].some(({name, subnet}) => {
        const lease = byName.get(name)!.lease;
        return lease !== undefined && lease.subnet !== subnet && lease.ipv6Subnet !== subnet;
      });
      const key = outer.subnet.includes(':') ? 'FLANNEL_IPV6_SUBNET' : 'FLANNEL_SUBNET';
      yield {
        node: outer.name,
        ...(onlyFile && {
          severity: 'warning' as const,
          effect: `pods that run keep working; new pods of ${outer.name} may get addresses that belong to ${inner.name}`,
        }),
        subject: `${outer.subnet} holds ${inner.subnet}`,
        message: `the pod subnet of ${outer.name}, ${outer.subnet}, holds that of ${inner.name}, ${inner.subnet}`,
        evidence: [outer, inner].flatMap(({name}) => [
          ...published(byName.get(name)!, 'spec.podCIDRs'),
          envLines(name, byName.get(name)!.survey.state.subnetEnv, key),
        ]),
        peers: [inner.name],
        steps: onlyFile ? restoreSubnetEnv(member) : [],
        breaks: [token.subnetEnv(outer.name), ...(onlyFile ? [] : [token.lease(outer.name), token.lease(inner.name)])],
      };
    }
  },
};

/** Pairs of which one holds the other and is larger; sorted once, so that thousands of nodes cost no square. */
function* nested(holders: readonly Holder[]): Generator<readonly [Holder, Holder]> {
  const sorted = holders.toSorted((a, b) => {
    const [x, y] = [partsOf(a.subnet), partsOf(b.subnet)];
    if (x.family !== y.family) return x.family - y.family;
    return x.first === y.first ? x.bits - y.bits : x.first < y.first ? -1 : 1;
  });
  const open: Holder[] = [];
  for (const holder of sorted) {
    while (open.length > 0 && !contains(open.at(-1)!.subnet, holder.subnet)) open.pop();
    const outer = open.findLast((o) => lengthOf(o.subnet) < lengthOf(holder.subnet));
    if (outer) yield [outer, holder];
    open.push(holder);
  }
}
