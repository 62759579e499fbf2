import {wg as table} from '../kernel/wg.js';
import {cut} from './pair.js';
import {absent, type NodeRule, rows} from './rule.js';
import {token} from './token.js';
import {ofPeers, oldRows, peerNeeds, peerSteps} from './wg-peers.js';

export const wgPeerMissing: NodeRule = {
  id: 'wg-peer-missing',
  scope: 'node',
  stage: 'fdb',
  severity: 'error',
  holds: "The WireGuard device has a peer for every other node, with the key that the node's lease says.",
  cause: 'flanneld failed to set the peer up when it heard of the node, and does not try again; or somebody removed it.',
  effect: 'Packets to pods of that node are refused ("required key not available"), and what it sends is dropped.',
  remedy: "Add the peer with the key, address and subnet of the node's lease, or restart flannel here.",
  fix: 'safe',
  restarts: 'node',
  modes: ['wireguard', 'extension'],
  needs: ['wg'],
  *check(view) {
    const {name, state} = view;
    for (const {peer, want, change} of ofPeers(view)) {
      if (change.kind !== 'missing') continue;
      const {row, family} = want;
      const old = oldRows(view, want);
      yield {
        subject: `${peer} on ${row.dev}`,
        message: `${row.dev} on ${name} has no peer with the key of ${peer}, ${row.publicKey}${old.length > 0 ? `, but one with ${old[0]!.publicKey}` : ''}`,
        effect: `${cut(view, family, peer, row.allowedIPs[0]!)}, nor those of ${peer} pods of ${name}`,
        evidence: [
          old.length > 0 ? rows(name, table.show, old) : absent(name, state.commands['wg-show'] ?? 'wg show all dump', table.show(row)),
        ],
        steps: peerSteps(view, want, old),
        peers: [peer],
        dependsOn: peerNeeds(view, peer, row.dev),
        breaks: [token.end(name, peer)],
      };
    }
  },
};
