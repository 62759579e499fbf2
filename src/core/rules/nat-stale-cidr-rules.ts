import type {IptRule, Ruleset} from '../kernel/netfilter/iptables.js';
import {splitWords} from '../kernel/netfilter/words.js';
import type {NodeView} from '../model/view.js';
import type {Family} from '../net/address.js';
import {contains, lengthOf, tryPrefix} from '../net/prefix.js';
import {flannelRules, rulesetsOf, toolOf} from './flows.js';
import {networksOf} from './forward-accept.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const natStaleCidrRules: NodeRule = {
  id: 'nat-stale-cidr-rules',
  scope: 'node',
  stage: 'firewall',
  severity: 'warning',
  holds: "flannel's iptables rules name the current pod network and the node's current subnet.",
  cause: "The pod network or the node's subnet was changed while subnet.env was gone: flanneld finds its old rules by that file only.",
  effect: 'Packets of the old ranges are masqueraded or accepted; whoever uses these ranges now is surprised.',
  remedy: 'Delete exactly these rules.',
  fix: 'safe',
  flannels: true,
  needs: ['iptables'],
  *check(view) {
    const {name} = view;
    for (const family of [4, 6] as const) {
      for (const {rule, ruleset} of staleRules(view, family)) {
        const words = splitWords(rule.text)?.map((w) => w.text);
        yield {
          subject: `${rule.table} ${rule.chain}`,
          message: `${name} has a rule of flannel for a range that is not the pod network any more: ${rule.text}`,
          evidence: [{node: name, command: ruleset.command, lines: [rule.text], raw: [rule.origin.raw]}],
          ...(words && {steps: [step(name, [toolOf(ruleset, family), '-t', rule.table, '-D', ...words.slice(1)])]}),
          dependsOn: [token.lease(name)],
        };
      }
    }
  },
};

/** Rules with flannel's comment that name another range than those of now. */
export function staleRules(view: NodeView, family: Family): readonly {readonly rule: IptRule; readonly ruleset: Ruleset}[] {
  const networks = networksOf(view, family);
  const own = family === 4 ? view.self?.subnet : view.self?.ipv6Subnet;
  if (networks.length === 0 || own === undefined) return [];
  const known = [...networks, own, '224.0.0.0/4', 'ff00::/8'];
  // Another subnet of the pod network may be the node's own of a moment ago: the lease rules speak of that.
  const isForeign = (text: string): boolean => {
    const range = tryPrefix(text);
    return range !== undefined && lengthOf(range) > 0 && !known.some((k) => contains(k, range));
  };
  return rulesetsOf(view, family).flatMap((ruleset) =>
    flannelRules(ruleset)
      .filter((rule) => rule.matches.some((m) => (m.option === '-s' || m.option === '-d') && isForeign(m.values[0] ?? '')))
      .map((rule) => ({rule, ruleset})),
  );
}
