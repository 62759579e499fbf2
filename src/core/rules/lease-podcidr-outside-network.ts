import {contains} from '../net/prefix.js';
import {published} from './published.js';
import {restoreSubnetEnv} from './remedy.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';
import {envLines} from './witness.js';

export const leasePodcidrOutsideNetwork: ClusterRule = {
  id: 'lease-podcidr-outside-network',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "Every node's pod subnet lies inside the network that flannel was told of.",
  cause: "Network in net-conf.json does not match the cluster's pod CIDR (often one digit, 10.224 for 10.244), or subnet.env was edited.",
  effect: 'Current flanneld refuses to start on the node; older ones leave its pods without forward rules and masquerade them.',
  remedy: "Make Network in net-conf.json and the controller manager's --cluster-cidr the same, then restart flanneld everywhere.",
  restarts: 'everywhere',
  fix: 'ask',
  flannels: true,
  *check({members, networks, netConf, records}) {
    if (networks.length === 0) return;
    for (const member of members) {
      const {name, lease} = member;
      const env = member.survey.state.subnetEnv;
      // Of a family that flannel does not use, the controller's podCIDR is nobody's matter.
      const kept = [member.record?.lease.subnet, member.record?.lease.ipv6Subnet].filter(
        (s) => s !== undefined && networks.some((n) => n.includes(':') === s.includes(':')) && !networks.some((n) => contains(n, s)),
      );
      for (const subnet of kept) {
        const inside = networks.filter((n) => n.includes(':') === subnet!.includes(':')).join(', ');
        yield {
          node: name,
          subject: subnet!,
          message: `${name}'s pod subnet ${subnet} is not inside ${inside}`,
          evidence: [
            ...published(member, 'spec.podCIDRs'),
            ...(records?.netConf ? [{node: name, command: records.netConf.where, lines: [`Network ${inside}`]}] : []),
          ],
          breaks: [token.subnetEnv(name), token.lease(name)],
        };
      }
      if (env === undefined || env === 'none') continue;
      for (const [key, subnet] of [
        ['FLANNEL_SUBNET', env.subnet],
        ['FLANNEL_IPV6_SUBNET', env.ipv6Subnet],
      ] as const) {
        if (subnet === undefined || kept.includes(subnet) || networks.some((n) => contains(n, subnet))) continue;
        const family = subnet.includes(':') ? 6 : 4;
        const inside = networks.filter((n) => n.includes(':') === (family === 6));
        const kernel = family === 4 ? lease?.subnet : lease?.ipv6Subnet;
        const onlyFile = kernel !== undefined && kernel !== subnet;
        yield {
          node: name,
          ...(onlyFile && {
            severity: 'warning' as const,
            effect: `pods of ${name} that run keep working; new ones get addresses nobody routes, or none`,
          }),
          subject: subnet,
          message: `${name}'s pod subnet ${subnet} is not inside ${inside.join(', ') || `any network of IPv${family}`}`,
          evidence: [
            envLines(name, env, key.replace('SUBNET', 'NETWORK'), key),
            ...(netConf ? [{node: name, command: 'net-conf.json', lines: [`Network ${inside.join(', ')}`]}] : []),
          ],
          steps: onlyFile ? restoreSubnetEnv(member) : [],
          breaks: [token.subnetEnv(name), ...(onlyFile ? [] : [token.lease(name)])],
        };
      }
    }
  },
};
