import {type Lookup, lookup} from '../forwarding/lookup.js';
import {type Rule, rule as table} from '../kernel/rule.js';
import type {PolicyPod} from '../model/policy-node.js';
import type {NodeView} from '../model/view.js';
import type {NodeState} from '../node/state.js';
import {before, called, catches, policyRule, ruleDelete, silent} from './policy-pods.js';
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
  *check(view, {pods, toPriority}) {
    const {name, state} = view;
    const early = before(state.tables.rule ?? [], toPriority);
    for (const rule of early) {
      const taken = pods.filter((p) => catches(rule, p.address) && astray(state, p, rule));
      if (taken.length === 0) continue;
      yield {
        ...(taken.every((p) => harmless(view, p, rule)) && {severity: 'warning' as const}),
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

type Pod = Pick<PolicyPod, 'address' | 'host' | 'veth' | 'eni'>;

/** Where packets to and from the pod go is another question when the rule is not there. */
function astray(state: NodeState, pod: Pod, rule: Rule): boolean {
  const {out, into} = ways(state, pod);
  const {out: outWithout, into: intoWithout} = ways(without(state, rule), pod);
  return !same(out, outWithout) || (pod.host.length > 0 && !same(into, intoWithout));
}

/** What comes is the pod's all the same, and what the pod sends gets through by the other interface. */
function harmless(view: NodeView, pod: Pod, rule: Rule): boolean {
  const {out, into} = ways(view.state, pod);
  const sent = out.kind === 'route' && out.route.type === 'unicast' && pod.eni !== undefined && silent(view, out.route.dev, pod.eni.dev);
  return sent && same(into, ways(without(view.state, rule), pod).into);
}

function ways(state: NodeState, {address, veth}: Pod): {readonly out: Lookup; readonly into: Lookup} {
  const elsewhere = '203.0.113.1';
  return {
    out: lookup(state, {dst: elsewhere, src: address, ...(veth && {iif: veth.ifname})}),
    into: lookup(state, {dst: address, src: elsewhere}),
  };
}

const without = (state: NodeState, rule: Rule): NodeState => ({
  ...state,
  tables: {...state.tables, rule: (state.tables.rule ?? []).filter((r) => r !== rule)},
});

const same = (a: Lookup, b: Lookup): boolean =>
  a.kind === b.kind && (a.kind !== 'route' || (b.kind === 'route' && a.route.dev === b.route.dev && a.route.gateway === b.route.gateway));
