import {byEvidence, cutByFirewall, flannelTable, isNative, stoppedForwards} from './flows.js';
import {appendForwardAccepts} from './forward-accept.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const fwForwardDrop: NodeRule = {
  id: 'fw-forward-drop',
  scope: 'node',
  stage: 'firewall',
  severity: 'error',
  holds: 'Where FORWARD drops by default, a rule accepts the pod network.',
  cause:
    "Docker, ufw or a hardening script sets the policy to DROP, and flannel's own accepts are missing: an old release, --iptables-forward-rules=false, or they were flushed.",
  effect: 'The node forwards no pod traffic: pods on it reach each other, and nobody on other nodes.',
  remedy: 'Let flannel write its forward rules (restart flanneld), or add the two accepts by hand.',
  restarts: 'node',
  fix: 'ask',
  needs: ['iptables'],
  confirms: ['nft'],
  *check(view) {
    const {name} = view;
    for (const stopped of stoppedForwards(view)) {
      if (!stopped.by.policy || isNative(stopped.by) || flannelTable(view, stopped.family)) continue;
      yield {
        subject: `IPv${stopped.family} FORWARD`,
        message: `${name} drops forwarded pod packets: the policy of FORWARD is DROP, and no rule accepts the pod network`,
        effect: cutByFirewall(view, stopped),
        evidence: [byEvidence(name, stopped.by)],
        steps: appendForwardAccepts(view, stopped.family),
        peers: [...new Set(stopped.flows.map((f) => f.peer.node))],
        dependsOn: [token.lease(name)],
        breaks: [token.forwarding(name)],
      };
    }
  },
};
