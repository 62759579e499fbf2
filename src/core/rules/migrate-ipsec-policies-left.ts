import {xfrmDelete} from '../kernel/tunnel-commands.js';
import {sa, xfrm as table, type XfrmPolicy} from '../kernel/xfrm.js';
import type {NodeView} from '../model/view.js';
import type {Prefix} from '../net/address.js';
import {holderOf} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, type Observation, rows} from './rule.js';
import {token} from './token.js';

export const migrateIpsecPoliciesLeft: NodeRule = {
  id: 'migrate-ipsec-policies-left',
  scope: 'node',
  // Before routes: policies are asked whatever the routes say.
  stage: 'device',
  severity: 'error',
  holds: "No policy of flannel's ipsec is left for which it keeps no security association: of an earlier backend, or of a node that left.",
  cause:
    'flannel was changed from ipsec to another backend, or a node left while flanneld was not running: policies stay, associations go with charon.',
  effect: 'A black hole: the kernel drops everything between the two subnets, in both directions, also with the right route.',
  remedy: 'Delete the policies, on both ends of each pair.',
  fix: 'safe',
  needs: ['xfrm'],
  *check(view) {
    const {cluster, state, changes} = view;
    if (!cluster.mode) return;
    const ipsec = cluster.mode.encrypts === 'policies';
    // The policies of a node that is not known look like those of one that left.
    if (ipsec && !cluster.complete) return;
    const left = ipsec
      ? // One that no known node asks for may be that of a node which was not read.
        (changes.xfrm ?? []).flatMap((c) => (c.kind === 'unexpected' && cluster.complete ? [c.actual] : []))
      : (state.tables.xfrm ?? []).filter((p) => p.tmpl.some((t) => t.reqid === 11));
    const pairs = new Map<string, XfrmPolicy[]>();
    for (const policy of left) {
      const key = [policy.src, policy.dst].toSorted().join(' ');
      pairs.set(key, [...(pairs.get(key) ?? []), policy]);
    }
    for (const policies of pairs.values()) yield observe(view, policies, ipsec);
  },
};

function observe(view: NodeView, policies: readonly XfrmPolicy[], ipsec: boolean): Observation {
  const {name, self, state} = view;
  const [first] = policies;
  const own = (prefix: Prefix) => prefix === self?.subnet;
  const other = own(first!.src) ? first!.dst : first!.src;
  const peer = holderOf(view, other);
  const associated = policies.some((p) =>
    (state.tables.sa ?? []).some((s) => p.tmpl.some((t) => t.src === s.src && t.dst === s.dst && t.reqid === s.reqid)),
  );
  // Nobody has that subnet, or nobody of this node's pods is meant: nothing is lost yet.
  const harmless = peer === undefined || !(own(first!.src) || own(first!.dst));
  return {
    ...(harmless && {severity: 'warning' as const, effect: 'none yet; the next node that gets this subnet is unreachable from here'}),
    ...(!harmless && {effect: `pods of ${name} and of ${peer} cannot reach each other`}),
    subject: peer === undefined ? other : `${other} (${peer})`,
    message: ipsec
      ? `${name} has IPsec policies for ${other}, which no node holds`
      : `${name} still has IPsec policies for ${other}${peer === undefined ? '' : `, pods of ${peer}`}${associated ? '' : ', and no security association for them'}`,
    evidence: [rows(name, table.show, policies), ...(associated ? [rows(name, sa.show, (state.tables.sa ?? []).slice(0, 4))] : [])],
    steps: policies.map((p) => step(name, xfrmDelete(p))),
    ...(peer !== undefined && !harmless && {peers: [peer], breaks: [token.route(name, peer), token.end(name, peer)]}),
    dependsOn: [token.lease(name)],
  };
}
