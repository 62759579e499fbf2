import {leaseOf} from '../flannel/lease.js';
import {sa, xfrm as table} from '../kernel/xfrm.js';
import {absent, type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const ipsecAssociationMissing: NodeRule = {
  id: 'ipsec-association-missing',
  scope: 'node',
  // What keeps IKE from getting through comes before: policies, firewalls.
  stage: 'mtu',
  severity: 'error',
  holds: 'For every other node there is a security association in each direction, of the policies’ reqid.',
  cause: "charon, flanneld's child, ended, or IKE (UDP 500 and 4500) does not get through, or the nodes have different PSKs.",
  effect: 'A policy without an association is a black hole: the kernel drops what it selects, and counts it as XfrmOutNoStates.',
  remedy: 'Restart flannel on the node, which starts charon; if that does not help, look at its log for the peer, and at UDP 500 and 4500.',
  fix: 'no',
  restarts: 'node',
  modes: ['ipsec'],
  needs: ['xfrm', 'sa'],
  *check({name, state, self, peers, expected}) {
    const own = self && leaseOf(self, 4);
    if (!own) return;
    const held = state.tables.sa ?? [];
    const has = (src: string, dst: string) => held.some((s) => s.src === src && s.dst === dst && s.proto === 'esp' && s.reqid === 11);
    for (const lease of peers) {
      const peer = leaseOf(lease, 4);
      if (!peer) continue;
      const [out, into] = [has(own.publicIP, peer.publicIP), has(peer.publicIP, own.publicIP)];
      const wants = (expected?.xfrm ?? []).filter((w) => w.peer === peer.node).map((w) => w.row);
      if ((out && into) || wants.length === 0) continue;
      const missing = [
        ...(out ? [] : [`from ${own.publicIP} to ${peer.publicIP}`]),
        ...(into ? [] : [`from ${peer.publicIP} to ${own.publicIP}`]),
      ];
      const policies = (state.tables.xfrm ?? []).filter((p) => wants.some((w) => w.dir === p.dir && w.src === p.src && w.dst === p.dst));
      yield {
        subject: peer.node,
        message: `${name} has no security association ${missing.join(', nor ')} (${peer.node})`,
        effect: out
          ? `pods of ${peer.node} cannot reach pods of ${name}`
          : into
            ? `pods of ${name} cannot reach pods of ${peer.node}`
            : `pods of ${name} and of ${peer.node} cannot reach each other`,
        evidence: [
          ...(policies.length > 0 ? [rows(name, table.show, policies)] : []),
          held.length > 0
            ? rows(name, sa.show, held.slice(0, 4))
            : absent(name, state.commands['ip-xfrm-state'] ?? 'ip xfrm state list nokeys', 'any'),
        ],
        peers: [peer.node],
        dependsOn: [
          token.lease(name),
          token.lease(peer.node),
          token.underlay(name, peer.node),
          token.underlay(peer.node, name),
          token.end(name, peer.node),
          token.end(peer.node, name),
        ],
        breaks: [],
      };
    }
  },
};
