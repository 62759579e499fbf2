import {wgPeerRemove} from '../kernel/tunnel-commands.js';
import {wg as table} from '../kernel/wg.js';
import {holderOf} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const wgPeerStale: NodeRule = {
  id: 'wg-peer-stale',
  scope: 'node',
  stage: 'leftover',
  severity: 'warning',
  holds: "Every WireGuard peer that is allowed an address is a node's.",
  cause: 'The node left while flanneld was not running here; flanneld never removes such peers later.',
  effect: 'None yet: whoever has that key may still send as the pods of that subnet.',
  remedy: 'Remove the peer.',
  fix: 'ask',
  modes: ['wireguard'],
  needs: ['wg'],
  needsWholeCluster: true,
  *check(view) {
    const {name, changes, cluster, self} = view;
    const keys = new Set(cluster.members.flatMap(({lease}) => (lease?.publicKey === undefined ? [] : [lease.publicKey])));
    for (const change of changes.wg ?? []) {
      if (change.kind !== 'unexpected' || change.actual.allowedIPs.length === 0 || keys.has(change.actual.publicKey)) continue;
      const {actual} = change;
      const own = [self?.subnet, self?.ipv6Subnet];
      // The key that a node had before is wg-key-mismatch's, and a prefix in the wrong hands wg-allowed-ips-wrong's.
      if (actual.allowedIPs.some((prefix) => own.includes(prefix) || holderOf(view, prefix) !== undefined)) continue;
      yield {
        subject: actual.allowedIPs.join(', '),
        message: `${actual.dev} on ${name} has a peer for ${actual.allowedIPs.join(', ')}, which no node holds`,
        evidence: [rows(name, table.show, [actual])],
        steps: [step(name, wgPeerRemove(actual))],
        dependsOn: [token.device(name, actual.dev)],
      };
    }
  },
};
