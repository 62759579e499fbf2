import {type Rule, rule as table} from '../kernel/rule.js';
import {captures} from './policy.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {captureEffect} from './rule-vpn-captures-pod-cidr.js';
import {token} from './token.js';

/** nm-cloud-setup's own numbers: rules 30200, 30350 and 30400 and what follows them, with tables of the same numbers. */
export const isCloudSetup = ({priority, table: to}: Rule): boolean =>
  priority >= 30200 && priority < 30500 && /^30[234]\d\d$/.test(to ?? '');

export const nmCloudSetupOnFlannel: NodeRule = {
  id: 'nm-cloud-setup-on-flannel',
  scope: 'node',
  stage: 'policy',
  severity: 'warning',
  holds: 'nm-cloud-setup does not write policy rules on the node.',
  cause: 'RHEL-like cloud images run nm-cloud-setup, which gives every interface a table of its own by source address.',
  effect: "Replies that these rules catch leave by the interface's own table, where the pod routes are not.",
  remedy: '`systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service`, then delete its rules or reboot.',
  fix: 'ask',
  flannels: true,
  needs: ['rule', 'route'],
  *check(view) {
    const {name, state} = view;
    const caught = captures(view).filter((c) => isCloudSetup(c.rule));
    for (const rule of state.tables.rule ?? []) {
      if (!isCloudSetup(rule)) continue;
      const capture = caught.find((c) => c.rule === rule);
      yield {
        severity: capture ? 'error' : 'warning',
        subject: `rule ${rule.priority}`,
        message: `nm-cloud-setup has written the policy rule "${table.show(rule)}" on ${name}`,
        effect: capture
          ? captureEffect(name, capture)
          : "replies from this address leave by the interface's own table; pod packets are not caught now",
        evidence: [rows(name, table.show, [rule])],
        steps: [
          step(name, [
            'ip',
            ...(rule.family === 6 ? ['-6'] : []),
            'rule',
            'del',
            'pref',
            String(rule.priority),
            'table',
            rule.table ?? 'main',
          ]),
        ],
        ...(capture && {peers: capture.to}),
        ...(capture && {breaks: [token.forwarding(name)]}),
      };
    }
  },
};
