import {leaseOf} from '../flannel/lease.js';
import type {Family, Prefix} from '../net/address.js';
import {flannelTable, readable, stoppedForwards} from './flows.js';
import {networksOf} from './forward-accept.js';
import {absent, type NodeRule, type Step} from './rule.js';

export const fwNftTableMissing: NodeRule = {
  id: 'fw-nft-table-missing',
  scope: 'node',
  stage: 'firewall',
  severity: 'error',
  holds: "With EnableNFTables flannel's nft table is there, with its two chains filled.",
  cause: '`flush ruleset`: restarting nftables or firewalld does it; in nft mode flanneld writes its table once and never looks again.',
  effect: 'Pods are not masqueraded and get no answer from outside; where another chain accepts nothing, forwarding stops too.',
  remedy: 'Restart flanneld on the node; the commands write the same table.',
  restarts: 'node',
  fix: 'ask',
  flannels: true,
  needs: ['netfilter'],
  *check(view) {
    const {name, self, cluster, state} = view;
    if (!cluster.netConf?.enableNFTables || !self) return;
    const env = state.subnetEnv;
    const masquerades = env !== undefined && env !== 'none' && env.ipmasq === true;
    for (const family of [4, 6] as const) {
      const lease = leaseOf(self, family);
      if (!lease || !readable(view, family)) continue;
      const table = flannelTable(view, family);
      const empty = (chain: string) => (table?.chains.get(chain)?.rules.length ?? 0) === 0;
      const missing = [...(masquerades && empty('postrtg') ? ['postrtg'] : []), ...(empty('forward') ? ['forward'] : [])];
      if (missing.length === 0) continue;
      const hurts = missing.includes('postrtg') || stoppedForwards(view).some((s) => s.family === family);
      yield {
        severity: hurts ? 'error' : 'warning',
        subject: `flannel-ipv${family}`,
        message: table
          ? `on ${name} the chains ${missing.join(' and ')} of flannel's nft table are empty`
          : `${name} has no nft table flannel-ipv${family}`,
        effect: hurts
          ? `pods of ${name} (${lease.subnet}) get no answer from outside the cluster`
          : 'none now: nothing else drops forwarded packets',
        evidence: [
          absent(
            name,
            state.commands['nft'] ?? 'nft -j list ruleset',
            `table ${family === 4 ? 'ip' : 'ip6'} flannel-ipv${family}, chains ${missing.join(', ')}`,
          ),
        ],
        steps: nftTable(family, networksOf(view, family), lease.subnet, masquerades).map((run) => ({node: name, run})),
      };
    }
  },
};

/** The table as flanneld writes it (flannel-backends.md §6.3). Prefixes are canonical, so nothing needs quoting but the braces. */
function nftTable(family: Family, networks: readonly Prefix[], subnet: Prefix, masquerade: boolean): readonly Step['run'][] {
  const ip = family === 4 ? 'ip' : 'ip6';
  const table = `${ip} flannel-ipv${family}`;
  const add = (chain: string, rule: string) => `nft add rule ${table} ${chain} ${rule}`;
  const forward = networks.flatMap((n) => [add('forward', `${ip} saddr ${n} accept`), add('forward', `${ip} daddr ${n} accept`)]);
  const nat = networks.flatMap((n) => [
    add('postrtg', 'meta mark 0x4000 return'),
    add('postrtg', `${ip} saddr ${subnet} ${ip} daddr ${n} return`),
    add('postrtg', `${ip} saddr ${n} ${ip} daddr ${subnet} return`),
    add('postrtg', `${ip} saddr != ${subnet} ${ip} daddr ${n} return`),
    add('postrtg', `${ip} saddr ${n} ${ip} daddr != ${family === 4 ? '224.0.0.0/4' : 'ff00::/8'} masquerade fully-random`),
  ]);
  return [
    `nft add table ${table}`,
    `nft add chain ${table} forward '{ type filter hook forward priority 0 ; policy accept ; }'`,
    `nft flush chain ${table} forward`,
    ...forward,
    ...(masquerade
      ? [
          `nft add chain ${table} postrtg '{ type nat hook postrouting priority 100 ; policy accept ; }'`,
          `nft flush chain ${table} postrtg`,
          ...nat,
        ]
      : []),
  ];
}
