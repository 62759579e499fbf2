import {evaluateHook} from '../kernel/netfilter/evaluate.js';
import {flows, readable, rulesetsOf} from './flows.js';
import {staleRules} from './nat-stale-cidr-rules.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const natPodToPodMasqueraded: NodeRule = {
  id: 'nat-pod-to-pod-masqueraded',
  scope: 'node',
  stage: 'firewall',
  severity: 'warning',
  holds: "Packets between pods keep the pod's address.",
  cause:
    "The pod network in flannel's rules does not cover all pods, the CNI delegate masquerades as well, or another program's rule catches pod traffic.",
  effect: 'Servers see the node as the client; NetworkPolicy and logs by pod address are wrong.',
  remedy: 'Make the rule leave the pod network alone; the Network in net-conf.json must cover every pod subnet.',
  fix: 'no',
  needs: ['iptables'],
  confirms: ['nft'],
  *check(view) {
    const {name, state} = view;
    const found = new Map<string, {family: 4 | 6; rule: string; peers: Set<string>; out: boolean}>();
    for (const {family, packet, peer, direction} of flows(view)) {
      if (!readable(view, family)) continue;
      const {nat} = evaluateHook(state.netfilter[family], 'postrouting', packet);
      if (!nat) continue;
      const key = `${family} ${direction} ${nat.rule}`;
      const held = found.get(key);
      if (held) held.peers.add(peer.node);
      else found.set(key, {family, rule: nat.rule, peers: new Set([peer.node]), out: direction === 'out'});
    }
    const stale = new Set(([4, 6] as const).flatMap((f) => staleRules(view, f).map(({rule}) => rule.text)));
    for (const {family, rule, peers, out} of found.values()) {
      // A rule for a network that is no more is nat-stale-cidr-rules' finding.
      if (stale.has(rule)) continue;
      yield {
        subject: `IPv${family} ${out ? 'out' : 'in'}`,
        message: `${name} changes the source address of packets ${out ? `from its pods to pods of ${[...peers].slice(0, 5).join(', ')}` : `from pods of ${[...peers].slice(0, 5).join(', ')} to its own`}`,
        evidence: [
          {
            node: name,
            command: rule.startsWith('-A ')
              ? (rulesetsOf(view, family)[0]?.command ?? 'iptables-save')
              : (state.commands['nft'] ?? 'nft list ruleset'),
            lines: [rule],
          },
        ],
        peers: [...peers],
        dependsOn: [token.lease(name)],
      };
    }
  },
};
