import {type Rule, rule as table} from '../kernel/rule.js';
import {called, policyRule, ruleDelete, silent} from './policy-pods.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const vpcRuleDuplicate = policyRule({
  id: 'vpc-rule-duplicate',
  severity: 'warning',
  holds: 'A pod has one rule for packets to it, and one table for those from it.',
  cause: 'The agent wrote the rule anew after an upgrade that numbers tables in another way, and left the old one.',
  effect: 'The rule that was added first decides, and whether that is the right one is chance.',
  remedy: 'Delete the one that is wrong.',
  fix: 'ask',
  needs: ['rule', 'route'],
  *check(view, {pods, tables, uplink}) {
    const {name} = view;
    for (const pod of pods) {
      const groups = new Map<string, Rule[]>();
      for (const rule of pod.from) {
        const key = `${rule.priority} ${rule.dst ?? ''}`;
        groups.set(key, [...(groups.get(key) ?? []), rule]);
      }
      for (const list of groups.values()) {
        if (new Set(list.map((r) => r.table)).size < 2) continue;
        const right = pod.eni?.by === 'cloud' ? tables.find((t) => t.gateway?.dev === pod.eni?.dev)?.table : undefined;
        const wrong = right === undefined ? [] : list.filter((r) => r.table !== right);
        const leaves = tables.find((t) => t.table === list[0]?.table)?.gateway?.dev ?? uplink;
        const lost = right !== undefined && list[0]?.table !== right && !silent(view, leaves, pod.eni!.dev);
        yield {
          ...(lost && {severity: 'error' as const}),
          subject: called(pod),
          message: `${name} leads packets from its pod ${called(pod)} to ${list.length} tables (${list.map((r) => r.table).join(', ')}); the first one decides`,
          evidence: [rows(name, table.show, list)],
          steps: wrong.length < list.length ? wrong.map((r) => ruleDelete(name, r)) : [],
          breaks: [token.pod(name, pod.address)],
        };
      }
    }
  },
});
