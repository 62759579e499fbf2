import {evaluateHook} from '../kernel/netfilter/evaluate.js';
import type {Ip} from '../net/address.js';
import {hostOf} from '../net/prefix.js';
import {opening, readable, rulesetsOf} from './flows.js';
import {globalRouterRule} from './global-router.js';

export const grMasqClusterCidr = globalRouterRule({
  id: 'gr-masq-cluster-cidr',
  stage: 'firewall',
  severity: 'warning',
  holds: "Packets from pods to the container network and to the VPC keep the pod's address.",
  cause: 'nonMasqueradeCIDRs of ip-masq-agent-config lacks the container network, or a network of the VPC.',
  effect: 'Servers see the node as the client; NetworkPolicy, security groups and logs by pod address are wrong.',
  remedy: 'Add the network to nonMasqueradeCIDRs of the ConfigMap kube-system/ip-masq-agent-config; the agent reads it within a minute.',
  fix: 'ask',
  needs: ['iptables'],
  confirms: ['nft'],
  *check(view, {subnet, bridge, pods}) {
    const {name, state, cluster, member} = view;
    const uplink = member.uplink?.name;
    if (!readable(view, 4) || uplink === undefined) return;
    const src = pods[0]?.address.local ?? hostOf(subnet, 2);
    const others: readonly (readonly [string, Ip])[] = cluster.members.flatMap((m): readonly (readonly [string, Ip])[] =>
      m.name === name || !m.lease
        ? []
        : [
            ...(m.lease.subnet === undefined ? [] : [['the container network', hostOf(m.lease.subnet, 2)] as const]),
            ...(m.lease.publicIP === undefined ? [] : [['the VPC', m.lease.publicIP] as const]),
          ],
    );
    for (const what of ['the container network', 'the VPC']) {
      const target = others.find(([kind]) => kind === what)?.[1];
      if (target === undefined) continue;
      const {nat} = evaluateHook(state.netfilter[4], 'postrouting', opening(view, 4, {src, dst: target, iif: bridge, oif: uplink}));
      if (!nat) continue;
      yield {
        subject: what,
        message: `${name} changes the source address of its pods' packets to ${what} (${target})`,
        evidence: [{node: name, command: rulesetsOf(view, 4)[0]?.command ?? 'iptables-save', lines: [nat.rule]}],
      };
    }
  },
});
