import {wg as table} from '../kernel/wg.js';
import {cut} from './pair.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';
import {ofPeers, peerNeeds, peerSteps} from './wg-peers.js';

export const wgAllowedIpsWrong: NodeRule = {
  id: 'wg-allowed-ips-wrong',
  scope: 'node',
  stage: 'fdb',
  severity: 'error',
  holds: 'Each WireGuard peer is allowed exactly the pod subnet of its node.',
  cause: 'Somebody gave the prefix to another peer (the last one that gets it takes it away), or two nodes have the same subnet.',
  effect: 'Packets for the subnet go to another node or are refused, and what comes from it is dropped after it was decrypted.',
  remedy: "Set the peer's allowed addresses to its subnet, which takes them from whoever has them.",
  fix: 'safe',
  modes: ['wireguard', 'extension'],
  needs: ['wg'],
  *check(view) {
    const {name, state} = view;
    const changed = [...ofPeers(view)];
    // What one peer has in another's place is told of the one that lacks it.
    const lacked = new Set(
      changed.flatMap(({change, want}) =>
        want.row.allowedIPs.filter((p) => change.kind === 'missing' || !change.actual[0].allowedIPs.includes(p)),
      ),
    );
    for (const {peer, want, change} of changed) {
      if (change.kind !== 'differs' || !change.fields.includes('allowed-ips')) continue;
      const {row, family} = want;
      const [actual] = change.actual;
      const lacks = row.allowedIPs.filter((prefix) => !actual.allowedIPs.includes(prefix));
      const more = actual.allowedIPs.filter((prefix) => !row.allowedIPs.includes(prefix) && !lacked.has(prefix));
      if (lacks.length === 0 && more.length === 0) continue;
      const holders = (state.tables.wg ?? []).filter(
        (p) => p !== actual && p.dev === row.dev && p.allowedIPs.some((a) => lacks.includes(a)),
      );
      yield {
        ...(lacks.length === 0 && {
          severity: 'warning' as const,
          effect: `${peer} may send as ${more.join(', ')} to ${name}, and gets what ${name} sends there`,
        }),
        ...(lacks.length > 0 && {effect: `${cut(view, family, peer, lacks[0]!)}, nor those of ${peer} pods of ${name}`}),
        subject: `${peer} on ${row.dev}`,
        message: `${row.dev} on ${name} allows ${peer} ${actual.allowedIPs.join(', ') || 'no address'} instead of ${row.allowedIPs.join(', ')}`,
        evidence: [rows(name, table.show, [actual, ...holders])],
        steps: peerSteps(view, want),
        peers: [peer],
        dependsOn: peerNeeds(view, peer, row.dev),
        breaks: lacks.length > 0 ? [token.end(name, peer)] : [],
      };
    }
  },
};
