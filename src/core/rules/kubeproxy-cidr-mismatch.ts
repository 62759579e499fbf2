import {chainRules} from '../kernel/netfilter/chains.js';
import type {IptRule, Ruleset} from '../kernel/netfilter/iptables.js';
import {familyOf, type Prefix} from '../net/address.js';
import {contains, tryPrefix} from '../net/prefix.js';
import {rulesetsOf} from './flows.js';
import type {NodeRule} from './rule.js';

export const kubeproxyCidrMismatch: NodeRule = {
  id: 'kubeproxy-cidr-mismatch',
  scope: 'node',
  stage: 'firewall',
  severity: 'warning',
  holds: "kube-proxy takes the node's own pods for pods: its cluster CIDR holds their subnet.",
  cause: "clusterCIDR of kube-proxy and Network of flannel were set apart: a chart's default was kept, or one of them was changed.",
  effect:
    "To Services the node's pods come from outside: they are masqueraded, so servers see the node, and policies by pod address do not match.",
  remedy: 'Set clusterCIDR in the ConfigMap kube-proxy (k3s, RKE2: --cluster-cidr) to the pod network, and restart kube-proxy.',
  fix: 'no',
  needs: ['iptables'],
  *check(view) {
    const {name, self} = view;
    for (const subnet of [self?.subnet, self?.ipv6Subnet]) {
      if (subnet === undefined) continue;
      for (const ruleset of rulesetsOf(view, familyOf(subnet))) {
        const foreign = new Map<Prefix, IptRule>();
        for (const {inside, rule} of markings(ruleset)) if (!contains(inside, subnet) && !foreign.has(inside)) foreign.set(inside, rule);
        for (const [inside, rule] of foreign) {
          yield {
            subject: inside,
            message: `kube-proxy on ${name} takes ${inside} for the pods, and the node's are in ${subnet}`,
            evidence: [{node: name, command: ruleset.command, lines: [rule.text], raw: [rule.origin.raw]}],
          };
        }
      }
    }
  },
};

/** What it masquerades to each Service unless it comes from inside: one rule a Service, `! -s <inside> -d <service> … -j KUBE-MARK-MASQ`. */
function* markings(ruleset: Ruleset): Generator<{readonly inside: Prefix; readonly rule: IptRule}> {
  for (const chain of ruleset.tables.get('nat')?.chains.keys() ?? []) {
    if (!/^KUBE-(SVC-|SERVICES$|EXT-)/.test(chain)) continue;
    for (const rule of chainRules(ruleset, 'nat', chain)) {
      if (rule.target?.name !== 'KUBE-MARK-MASQ') continue;
      const source = rule.matches.find((m) => m.option === '-s' && m.negated)?.values[0];
      const inside = source === undefined ? undefined : tryPrefix(source);
      if (inside !== undefined) yield {inside, rule};
    }
  }
}
