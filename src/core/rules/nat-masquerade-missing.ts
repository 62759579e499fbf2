import {leaseOf} from '../flannel/lease.js';
import {evaluateHook} from '../kernel/netfilter/evaluate.js';
import type {NodeView} from '../model/view.js';
import type {Family} from '../net/address.js';
import {flannelRules, flannelTable, opening, readable, rulesetsOf, unusedIn} from './flows.js';
import {restoreMasquerade} from './masquerade.js';
import {absent, type NodeRule} from './rule.js';
import {token} from './token.js';

/** Documentation prefixes (RFC 5737, RFC 3849): addresses outside that no rule has a reason to know. */
const outside = {4: '192.0.2.1', 6: '2001:db8::1'} as const;

export const natMasqueradeMissing: NodeRule = {
  id: 'nat-masquerade-missing',
  scope: 'node',
  stage: 'firewall',
  severity: 'error',
  holds: "What pods send out of the cluster leaves with the node's address, where flanneld was started with --ip-masq.",
  cause: 'Another program flushed or reordered the nat table, and flanneld is not running to write its rules again.',
  effect: "Pods reach pods, and nothing outside: answers to a pod's address do not come back.",
  remedy: 'Restart flanneld, which writes its nat rules again; or write them by hand.',
  restarts: 'node',
  fix: 'ask',
  flannels: true,
  needs: ['netfilter', 'subnetEnv'],
  *check(view) {
    const {name} = view;
    for (const family of lostMasquerade(view)) {
      const lease = view.self && leaseOf(view.self, family);
      if (!lease) continue;
      yield {
        subject: `IPv${family} ${lease.subnet}`,
        message: `${name} sends packets of its pods out of the cluster with the pod's own address`,
        effect: `pods of ${name} (${lease.subnet}) get no answer from outside the cluster`,
        evidence: [
          absent(
            name,
            rulesetsOf(view, family)[0]?.command ?? 'iptables-save',
            `a rule that masquerades ${lease.subnet} in nat POSTROUTING`,
          ),
        ],
        steps: restoreMasquerade(view, lease),
        dependsOn: [token.lease(name)],
      };
    }
  },
};

/** Families in which flanneld promised to masquerade (FLANNEL_IPMASQ) and a packet to the outside certainly leaves as it is. */
export function lostMasquerade(view: NodeView): readonly Family[] {
  const {self, state, member, bridge, cluster} = view;
  const env = state.subnetEnv;
  if (!self || env === undefined || env === 'none' || env.ipmasq !== true) return [];
  return ([4, 6] as const).filter((family) => {
    const lease = leaseOf(self, family);
    const oif = member.survey.defaultDev[family] ?? member.uplink?.name;
    if (!lease || oif === undefined || !readable(view, family)) return false;
    // With native nft the table is fw-nft-table-missing's.
    if (cluster.netConf?.enableNFTables && !flannelTable(view, family)) return false;
    // k3s masquerades IPv6 only on request, and says so nowhere.
    if (family === 6 && !rulesetsOf(view, 6).some((r) => flannelRules(r).length > 0)) return false;
    const packet = opening(view, family, {src: unusedIn(lease.subnet), dst: outside[family], iif: bridge, oif});
    const {verdict, nat, natChoices, unknowns} = evaluateHook(state.netfilter[family], 'postrouting', packet);
    return verdict === 'accept' && nat === undefined && natChoices === undefined && unknowns.length === 0;
  });
}
