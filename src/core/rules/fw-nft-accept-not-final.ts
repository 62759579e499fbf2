import {byEvidence, cutByFirewall, flannelTable, isNative, rulesetsOf, stoppedForwards, toolOf} from './flows.js';
import {insertForwardAccepts, insertNftAccepts} from './forward-accept.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const fwNftAcceptNotFinal: NodeRule = {
  id: 'fw-nft-accept-not-final',
  scope: 'node',
  stage: 'firewall',
  severity: 'error',
  holds: "With EnableNFTables no other chain drops what flannel's own nft table accepts.",
  cause:
    "Docker sets iptables FORWARD to DROP, or another nft table has a forward chain; an accept in flannel's table ends only that table's chain.",
  effect: "flannel's table accepts pod packets, and the other chain drops them.",
  remedy: 'Accept the pod network in the chain that drops.',
  fix: 'ask',
  needs: ['netfilter'],
  *check(view) {
    const {name} = view;
    for (const stopped of stoppedForwards(view)) {
      const {by, family, how} = stopped;
      if (!flannelTable(view, family)) continue;
      const ruleset = rulesetsOf(view, family).find((r) => r.command === by.command);
      yield {
        subject: `IPv${family} ${by.table} ${by.chain}`,
        message: `on ${name} ${by.chain} of table ${by.table} ${how}s forwarded pod packets that flannel's nft table accepts`,
        effect: cutByFirewall(view, stopped),
        evidence: [byEvidence(name, by)],
        steps: isNative(by)
          ? insertNftAccepts(view, family, by.table, by.chain)
          : insertForwardAccepts(view, family, by.table, toolOf(ruleset, family)),
        peers: [...new Set(stopped.flows.map((f) => f.peer.node))],
        breaks: [token.forwarding(name)],
      };
    }
  },
};
