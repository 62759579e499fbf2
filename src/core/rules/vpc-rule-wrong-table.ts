import {route as routes} from '../kernel/route.js';
import {rule as table} from '../kernel/rule.js';
import {emptied} from '../model/eni-tables.js';
import {called, policyRule, ruleDelete, silent} from './policy-pods.js';
import {step} from './remedy.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const vpcRuleWrongTable = policyRule({
  id: 'vpc-rule-wrong-table',
  severity: 'error',
  holds: "The table that a pod's packets are led to is the one of the interface that has the pod's address.",
  cause: 'The address moved to another interface, or interfaces were numbered anew, and the rule stayed.',
  effect: "Its packets leave by an interface that does not own the pod's address, and a cloud that checks drops them.",
  remedy: "Make the rule look into the interface's own table.",
  fix: 'safe',
  needs: ['rule', 'route'],
  *check(view, node) {
    const {name} = view;
    const {pods, tables} = node;
    const whole = new Set(emptied(view, node).map((t) => t.table));
    for (const pod of pods) {
      const [rule] = pod.from;
      const used = tables.find((t) => t.table === rule?.table);
      // Of a table without a default route its own rule speaks, where others of the node use it too.
      if (!rule || !used || whole.has(used.table)) continue;
      const dev = used.gateway?.dev;
      // Only the cloud, or the one table that is left, says whose a pod is.
      const right = pod.eni?.by === 'rule' ? undefined : pod.eni?.dev;
      if (right === undefined || dev === right) continue;
      const target = tables.find((t) => t.gateway?.dev === right);
      yield {
        ...(silent(view, dev ?? node.uplink, right) && {severity: 'warning' as const}),
        subject: called(pod),
        message: `${name} leads packets from its pod ${called(pod)} to table ${used.table}, ${dev === undefined ? 'which has no default route' : `that is ${dev}`}; its interface is ${right}`,
        effect: `${called(pod)} reaches nobody beyond ${name} where the cloud checks whose address packets carry`,
        evidence: [rows(name, table.show, [rule]), ...(used.gateway ? [rows(name, routes.show, [used.gateway])] : [])],
        steps:
          target === undefined
            ? []
            : [
                step(name, ['ip', 'rule', 'add', 'from', pod.address, 'lookup', target.table, 'pref', String(rule.priority)]),
                ruleDelete(name, rule),
              ],
        dependsOn: [token.device(name, right)],
        breaks: [token.pod(name, pod.address)],
      };
    }
  },
});
