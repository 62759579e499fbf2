import {type Lookup, lookup} from '../forwarding/lookup.js';
import {type Rule, rule as table} from '../kernel/rule.js';
import {before, called, catches, policyRule, ruleDelete} from './policy-pods.js';
import {step} from './remedy.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const vpcRuleOrder = policyRule({
  id: 'vpc-rule-order',
  severity: 'error',
  holds: 'No rule that takes packets of pods stands before those for pods.',
  cause: 'A VPN, a network manager or a script added a rule with a lower number; without one `ip rule add` takes the lowest.',
  effect: 'Packets from and to pods go by that rule: out of the wrong interface, or nowhere.',
  remedy: 'Give that rule a number above those of the pods, or a narrower condition.',
  fix: 'ask',
  needs: ['rule', 'route'],
  *check({name, state}, {pods, toPriority}) {
    const early = before(state.tables.rule ?? [], toPriority);
    for (const rule of early) {
      const taken = pods.filter((p) => catches(rule, p.address) && astray(state, p, rule));
      if (taken.length === 0) continue;
      yield {
        subject: `rule ${rule.priority}`,
        message: `on ${name} the rule "${table.show(rule).replace('\t', ' ')}" stands before those for pods and takes their packets`,
        effect: `${taken.map(called).join(', ')} ${taken.length === 1 ? 'does' : 'do'} not reach others, or the others them, where the cloud checks whose address packets carry`,
        evidence: [rows(name, table.show, [rule, ...taken.flatMap((p) => [...p.to, ...p.from]).slice(0, 4)])],
        steps:
          rule.src === undefined && rule.dst === undefined && rule.action === 'lookup' && rule.table !== undefined
            ? [
                // The main table is asked last anyway.
                ...(rule.table === 'main' ? [] : [step(name, ['ip', 'rule', 'add', 'from', 'all', 'lookup', rule.table, 'pref', '30000'])]),
                ruleDelete(name, rule),
              ]
            : [],
        breaks: [token.forwarding(name)],
      };
    }
  },
});

/** Where packets to and from the pod go is another question when the rule is not there. */
function astray(
  state: Parameters<typeof lookup>[0],
  {
    address,
    host,
    veth,
  }: {readonly address: string; readonly host: readonly {readonly dev?: string}[]; readonly veth?: {readonly ifname: string}},
  rule: Rule,
): boolean {
  const without = {...state, tables: {...state.tables, rule: (state.tables.rule ?? []).filter((r) => r !== rule)}};
  const elsewhere = '203.0.113.1';
  const out = {dst: elsewhere, src: address, ...(veth && {iif: veth.ifname})};
  const into = {dst: address, src: elsewhere};
  const same = (a: Lookup, b: Lookup): boolean =>
    a.kind === b.kind && (a.kind !== 'route' || (b.kind === 'route' && a.route.dev === b.route.dev && a.route.gateway === b.route.gateway));
  if (!same(lookup(state, out), lookup(without, out))) return true;
  return host.length > 0 && !same(lookup(state, into), lookup(without, into));
}
