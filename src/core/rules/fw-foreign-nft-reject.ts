import {byEvidence, cutByFirewall, flannelTable, isNative, stoppedForwards} from './flows.js';
import {insertNftAccepts, networksOf} from './forward-accept.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const fwForeignNftReject: NodeRule = {
  id: 'fw-foreign-nft-reject',
  scope: 'node',
  stage: 'firewall',
  severity: 'error',
  holds: 'No nft table of another program stops forwarded pod packets.',
  cause:
    'firewalld or /etc/nftables.conf has a forward chain of its own; an accept in iptables does not end other chains at the same hook.',
  effect: 'iptables looks open, and packets are dropped or answered with "admin prohibited".',
  remedy:
    'Accept the pod network in that table: with firewalld add it to the trusted zone, else in /etc/nftables.conf; the commands hold until a reload.',
  fix: 'ask',
  needs: ['netfilter'],
  *check(view) {
    const {name} = view;
    for (const stopped of stoppedForwards(view)) {
      const {by, family, how} = stopped;
      if (!isNative(by) || flannelTable(view, family)) continue;
      // firewalld owns its table and rewrites it: it has to be told itself.
      const firewalld = by.table.endsWith(' firewalld');
      yield {
        subject: `IPv${family} ${by.table} ${by.chain}`,
        message: `on ${name} the chain ${by.chain} of the nft table ${by.table} ${how}s forwarded pod packets`,
        effect: cutByFirewall(view, stopped),
        evidence: [byEvidence(name, by)],
        steps: firewalld
          ? [
              ...networksOf(view, family).map((n) => step(name, ['firewall-cmd', '--permanent', '--zone=trusted', `--add-source=${n}`])),
              step(name, ['firewall-cmd', '--reload']),
            ]
          : insertNftAccepts(view, family, by.table, by.chain),
        peers: [...new Set(stopped.flows.map((f) => f.peer.node))],
        breaks: [token.forwarding(name)],
      };
    }
  },
};
