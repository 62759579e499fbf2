import type {FamilyLease} from '../flannel/lease.js';
import {routeDelete} from '../kernel/commands.js';
import {type Route, route as table} from '../kernel/route.js';
import {wg as peers} from '../kernel/wg.js';
import type {NodeView} from '../model/view.js';
import {carries, cut, leftBehind, peerOver, wide} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const migrateOldRoutesWin: NodeRule = {
  id: 'migrate-old-routes-win',
  scope: 'node',
  stage: 'route',
  severity: 'error',
  holds: "No route that an earlier backend gave a single node's subnet wins over the one route of wireguard or udp to all pods.",
  cause:
    'flannel was changed to a backend with one wide route; the rows of the earlier one are more specific, and flanneld never deletes them.',
  effect: 'The new backend is not used: with wireguard, pods talk in clear while everything says they are encrypted.',
  remedy:
    'Delete the old routes of the pair on both ends, once the new tunnel has a handshake; when no node has any left, delete the old device on every node.',
  fix: 'ask',
  modes: ['wireguard', 'udp'],
  needs: ['route', 'link'],
  *check(view) {
    const {name, changes, cluster, state} = view;
    const encrypted = cluster.mode?.encrypts === 'keys';
    for (const change of changes.route ?? []) {
      if (change.kind !== 'unexpected') continue;
      const row = change.actual;
      const peer = peerOver(view, row.dst);
      const right = peer && wide(view, peer.family);
      if (!peer || !right || !leftBehind(view, row, peer)) continue;
      const arrives = carries(view, row, peer);
      const wire = encrypted ? wireTo(view, peer) : undefined;
      const ready = !encrypted || wire?.latestHandshake !== undefined;
      yield {
        subject: `${row.dst} (${peer.node})`,
        message: `${name} sends packets for ${peer.node}'s pods (${row.dst}) ${row.dev === undefined ? '' : `by ${row.dev} `}instead of ${right.row.dev}, by a row that an earlier backend left`,
        effect: !arrives
          ? cut(view, peer.family, peer.node, row.dst)
          : encrypted
            ? `pods of ${name} talk to pods of ${peer.node} in clear: nothing of it is encrypted${ready ? '' : ', and the new tunnel has had no handshake yet'}`
            : 'packets still go by the earlier backend, which nobody keeps up',
        evidence: [
          rows(name, table.show, [row, ...(state.tables.route ?? []).filter((r) => r.table === 'main' && r.dst === right.row.dst)]),
          ...(wire ? [rows(name, peers.show, [wire])] : []),
        ],
        // Without a handshake the way that works now would end before another is there.
        steps: ready || !arrives ? [step(name, routeDelete(row as Route))] : [],
        peers: [peer.node],
        dependsOn: [token.lease(name), token.lease(peer.node)],
        breaks: [token.route(name, peer.node)],
      };
    }
  },
};

/** The WireGuard peer that would get these packets. */
const wireTo = ({state, expected}: NodeView, {node, family}: FamilyLease) => {
  const want = (expected?.wg ?? []).find((w) => w.peer === node && w.family === family)?.row;
  return want && state.tables.wg?.find((p) => p.dev === want.dev && p.publicKey === want.publicKey);
};
