import {byEvidence, cutByFirewall, flannelTable, isNative, rulesetsOf, stoppedForwards, toolOf} from './flows.js';
import {insertForwardAccepts} from './forward-accept.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const fwFlannelRuleAfterReject: NodeRule = {
  id: 'fw-flannel-rule-after-reject',
  scope: 'node',
  stage: 'firewall',
  severity: 'error',
  holds: "No rule before flannel's accepts drops or rejects forwarded pod packets.",
  cause: "The host's own firewall ends FORWARD with a REJECT or DROP; flannel appends its accepts behind it.",
  effect: 'The accepts are there and never reached.',
  remedy:
    "Put an accept for the pod network before that rule, in the firewall's own configuration; the commands hold until it is reloaded.",
  fix: 'ask',
  flannels: true,
  needs: ['iptables'],
  confirms: ['nft'],
  *check(view) {
    const {name} = view;
    for (const stopped of stoppedForwards(view)) {
      const {by, family, how} = stopped;
      if (by.policy || isNative(by) || flannelTable(view, family)) continue;
      const ruleset = rulesetsOf(view, family).find((r) => r.command === by.command);
      yield {
        subject: `IPv${family} ${by.chain}`,
        message: `on ${name} a rule in ${by.chain} ${how}s forwarded pod packets before any rule accepts them`,
        effect: cutByFirewall(view, stopped),
        evidence: [byEvidence(name, by)],
        steps: insertForwardAccepts(view, family, by.table, toolOf(ruleset, family)),
        peers: [...new Set(stopped.flows.map((f) => f.peer.node))],
        breaks: [token.forwarding(name)],
      };
    }
  },
};
