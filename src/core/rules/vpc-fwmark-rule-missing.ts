import {isConnmarkRule} from '../node/attachment.js';
import {rulesetsOf} from './flows.js';
import {listing} from './pair.js';
import {policyRule, silent} from './policy-pods.js';
import {step} from './remedy.js';
import {absent} from './rule.js';

export const vpcFwmarkRuleMissing = policyRule({
  id: 'vpc-fwmark-rule-missing',
  severity: 'error',
  holds: "Where AWS's plugin marks connections of the node's interface, a rule leads their answers back to it.",
  cause: 'Somebody flushed the rules; aws-node writes this one at its start only.',
  effect: 'Answers of pods to NodePort connections leave by the pod’s interface and are dropped.',
  remedy: 'Add the rule again, or restart aws-node.',
  fix: 'ask',
  needs: ['rule', 'netfilter'],
  *check(view, {pods}) {
    const {name, state} = view;
    if ((state.tables.rule ?? []).some((r) => r.family === 4 && isConnmarkRule(r))) return;
    const marking = rulesetsOf(view, 4)
      .flatMap((set) => [...(set.tables.get('mangle')?.chains.values() ?? [])])
      .flatMap((chain) => chain.rules)
      .find((r) => r.target?.name === 'CONNMARK' && /0x80\/0x80/.test(r.text));
    if (!marking) return;
    // An interface that may send with any address sends the node's as well.
    const own = view.member.uplink?.name;
    const sent =
      own !== undefined && pods.length > 0 && pods.every(({eni}) => eni === undefined || eni.dev === own || silent(view, eni.dev, own));
    yield {
      ...(sent && {severity: 'warning' as const, effect: 'none here, since the cloud does not check what the pods’ interfaces send'}),
      subject: 'fwmark 0x80/0x80',
      message: `${name} marks connections of its own interface for answers to go back by it, and has no rule that looks at the mark`,
      evidence: [
        absent(name, listing(view, 'rule', 4), '1024: from all fwmark 0x80/0x80 lookup main'),
        {node: name, command: 'iptables-save -t mangle', lines: [marking.text]},
      ],
      steps: [step(name, ['ip', 'rule', 'add', 'fwmark', '0x80/0x80', 'lookup', 'main', 'pref', '1024'])],
    };
  },
});
