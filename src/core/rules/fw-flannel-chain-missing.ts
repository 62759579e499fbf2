import {leaseOf} from '../flannel/lease.js';
import {chainRules, hasChain, hasJump} from '../kernel/netfilter/chains.js';
import {flannelTable, readable, rulesetsOf, stoppedForwards} from './flows.js';
import {appendForwardAccepts} from './forward-accept.js';
import {restoreMasquerade} from './masquerade.js';
import {lostMasquerade} from './nat-masquerade-missing.js';
import {absent, type NodeRule} from './rule.js';

const chains = [
  {table: 'nat', from: 'POSTROUTING', chain: 'FLANNEL-POSTRTG', what: 'masquerading'},
  {table: 'filter', from: 'FORWARD', chain: 'FLANNEL-FWD', what: 'accepting forwarded pod packets'},
] as const;

export const fwFlannelChainMissing: NodeRule = {
  id: 'fw-flannel-chain-missing',
  scope: 'node',
  stage: 'firewall',
  severity: 'warning',
  holds: "flannel's iptables chains have their rules, and the kernel's chains jump to them.",
  cause:
    "Another program rewrites the tables and leaves half of flannel's rules; flanneld's log then says every few seconds that rules are missing.",
  effect: 'None now: nothing else drops these packets. It breaks as soon as the policy of FORWARD changes, or pods need masquerading.',
  remedy: 'Find the program that rewrites the tables; restart flanneld, or write the rules again.',
  restarts: 'node',
  fix: 'ask',
  flannels: true,
  needs: ['netfilter'],
  *check(view) {
    const {name, self, cluster} = view;
    for (const family of [4, 6] as const) {
      const lease = self && leaseOf(self, family);
      // In nft mode an empty chain and its jump are what flannel itself leaves (flannel-backends.md §6.4).
      if (!lease || !readable(view, family) || flannelTable(view, family) || cluster.netConf?.enableNFTables) continue;
      for (const {table, from, chain, what} of chains) {
        // Where traffic suffers, the rules about that speak.
        if (table === 'nat' ? lostMasquerade(view).includes(family) : stoppedForwards(view).some((s) => s.family === family)) continue;
        for (const ruleset of rulesetsOf(view, family)) {
          if (!hasChain(ruleset, table, chain)) continue;
          const jump = hasJump(ruleset, table, from, chain);
          const filled = chainRules(ruleset, table, chain).length > 0;
          if (jump && filled) continue;
          yield {
            subject: `IPv${family} ${chain}`,
            message: jump
              ? `on ${name} flannel's chain ${chain} is empty`
              : `on ${name} nothing in ${from} jumps to flannel's chain ${chain}`,
            evidence: [
              absent(name, ruleset.command, jump ? `rules of ${chain} in table ${table}` : `-A ${from} … -j ${chain} in table ${table}`),
            ],
            effect: `none now; ${what} depends on it when something else drops or needs it`,
            steps: table === 'nat' ? restoreMasquerade(view, lease) : appendForwardAccepts(view, family),
          };
        }
      }
    }
  },
};
